// npm test: installs what is missing and runs everything that CI runs.

import { ensurePrerequisites } from './prerequisites.mjs';
import { verify } from './verify.mjs';

ensurePrerequisites();
process.exit(verify() ? 0 : 1);
