// Proves that what is written about the code is true of the code; and what the deployment is told, of the apps. Needs the
// build. Prints what is wrong, where, and what to do; exits with 1 if there is anything.

import { checkDependencies } from './checks/dependencies.mjs';
import { checkDeploy } from './checks/deploy.mjs';
import { checkGenerated } from './checks/generated.mjs';
import { checkLinks, checkOneCall } from './checks/links.mjs';
import { checkResources } from './checks/resources.mjs';
import { checkSettings } from './checks/settings.mjs';
import { checkSources } from './checks/sources.mjs';

const CHECKS = [
  checkLinks,
  checkOneCall,
  checkGenerated,
  checkSettings,
  checkResources,
  checkDependencies,
  checkDeploy,
  checkSources,
];

const problems = (await Promise.all(CHECKS.map((check) => check()))).flat();
for (const { path, line, text } of problems) console.error(`${path}:${line}  ${text}`);
if (problems.length > 0) process.exitCode = 1;
