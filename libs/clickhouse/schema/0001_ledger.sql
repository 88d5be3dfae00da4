-- Every fact of both write-once streams, one row each, byte for byte.
-- A row is known by stream, stream_created and seq. Blocks are inserted with a deduplication token, so that replicas
-- of the ingester may overlap; a block lies within 250 ms of stored_at, hence within one partition.
CREATE TABLE IF NOT EXISTS ledger
(
    stream LowCardinality(String) COMMENT 'LEDGER (calls) or REGISTRY (resources)',
    stream_created DateTime64(3, 'UTC') COMMENT 'When the stream was made; a stream made anew counts from 1 again',
    seq UInt64 COMMENT 'Place in the stream, without gaps',
    stored_at DateTime64(3, 'UTC') COMMENT 'When the broker stored the fact, by the broker''s clock',
    subject String COMMENT 'NATS subject' CODEC(ZSTD(1)),
    flow LowCardinality(String) COMMENT 'LEDGER: the Flow',
    call_id String COMMENT 'LEDGER: UUIDv7 of the call',
    fact LowCardinality(String) COMMENT 'LEDGER: requested, verdict, voted, decided, resumed, retried, settled, cancel, late',
    kind LowCardinality(String) COMMENT 'REGISTRY: MCPServer or Flow',
    name String COMMENT 'REGISTRY: name of the resource',
    generation UInt32 COMMENT 'REGISTRY: generation of the resource',
    headers String COMMENT 'NATS headers as a JSON object, without those that carry secrets' CODEC(ZSTD(1)),
    headers_dropped Array(LowCardinality(String)) COMMENT 'Names of the headers that were left out',
    payload String DEFAULT base64Decode(payload_base64) COMMENT 'The exact bytes' CODEC(ZSTD(3)),
    payload_sha256 FixedString(64) COMMENT 'SHA-256 of the payload as received, hex',
    payload_base64 String EPHEMERAL COMMENT 'How the payload is inserted, since JSON holds no bytes',
    block_first UInt64 COMMENT 'First sequence of the block that the row came with: where an ingester resumes',
    INDEX call_id call_id TYPE bloom_filter GRANULARITY 4
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(stored_at)
ORDER BY (stream, stream_created, seq)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'The audit trail: one row per fact';
