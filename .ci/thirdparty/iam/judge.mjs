// Judges recorded calls by the policies, both ways: what the sandbox allowed must be allowed, what it refused must be refused, and a right
// that no call used must be one of the exceptions.
//
//     node judge.mjs POLICIES CALLS EXCEPTIONS

import { readFileSync } from 'node:fs'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const [policiesFile, callsFile, exceptionsFile] = process.argv.slice(2)
const { account, functions, secrets, table } = JSON.parse(readFileSync(policiesFile, 'utf8'))
const findings = []

/** The resource of a call, and what IAM knows of the request. */
function asked(call) {
  if ('item' in call) {
    return { resource: table, context: call.item === null ? {} : { 'dynamodb:LeadingKeys': [call.item] } }
  }
  if ('secret' in call) {
    const name = call.secret.startsWith('arn:') ? call.secret.split(':')[6].replace(/-\w{6}$/, '') : call.secret
    const unknown = `arn:aws:secretsmanager:eu-west-1:${account}:secret:${name}-AbCdEf`
    return { resource: secrets[name] ?? unknown, context: {} }
  }
  if ('key' in call) {
    const context = Object.entries(call.context ?? {}).map(([name, value]) => [`kms:EncryptionContext:${name}`, value])
    const resource = call.key.startsWith('arn:') ? call.key : `arn:aws:kms:eu-west-1:${account}:key/${call.key}`
    return { resource, context: Object.fromEntries(context) }
  }
  return { resource: call.identity, context: {} }
}

const list = (value) => (Array.isArray(value) ? value : [value])

/** Every right of a function: an action on a resource, and a pattern of partition keys where there is one. */
function* rights(name) {
  for (const statement of functions[name].flatMap((policy) => policy.Statement)) {
    const keys = statement.Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys'] ?? [null]
    for (const action of list(statement.Action)) {
      for (const resource of list(statement.Resource)) {
        for (const key of list(keys)) yield { action, resource, key }
      }
    }
  }
}

const fits = (right, call) =>
  right.action === call.action &&
  right.resource === call.resource &&
  (right.key === null || (call.item ?? '').startsWith(right.key.replace(/\*$/, '')))

// One call for each place: keys differ in their last part only.
const calls = new Map()
for (const line of readFileSync(callsFile, 'utf8').split('\n').filter(Boolean)) {
  const call = JSON.parse(line)
  const item = call.item?.replace(/[^#]*$/, '')
  calls.set(JSON.stringify([call.function, call.action, call.allowed, item, call.secret, call.key, call.context?.['userpool-id'], call.identity]), call)
}

const used = new Map()
let judged = 0
for (const call of calls.values()) {
  if (!(call.function in functions)) continue // a program of the sandbox's own tests
  const { resource, context } = asked(call)
  const answer = await runSimulation(
    {
      request: {
        principal: `arn:aws:sts::${account}:assumed-role/${call.function}/${call.function}`,
        action: call.action,
        resource: { resource, accountId: account },
        contextVariables: context
      },
      identityPolicies: functions[call.function].map((policy, number) => ({ name: `${call.function}-${number}`, policy })),
      serviceControlPolicies: [],
      resourceControlPolicies: []
    },
    {}
  )
  if (answer.resultType === 'error') {
    findings.push(`${JSON.stringify(call)}: ${JSON.stringify(answer.errors)}`)
    continue
  }
  judged += 1
  // Keys of KMS are in the account, and their policies leave it to IAM.
  const allowed = answer.overallResult === 'Allowed'
  if (allowed !== call.allowed) {
    findings.push(`${call.function}: ${call.action} on ${call.item ?? resource}: ${answer.overallResult}, and the sandbox ${call.allowed ? 'allowed' : 'refused'} it`)
  }
  if (allowed) {
    if (!used.has(call.function)) used.set(call.function, [])
    used.get(call.function).push({ ...call, resource })
  }
}

const exceptions = readFileSync(exceptionsFile, 'utf8')
  .split('\n')
  .filter((line) => line && !line.startsWith('#'))
  .map((line) => {
    const [rule, reason] = line.split(/\s+# /)
    if (!reason) findings.push(`exceptions.txt: no reason: ${line}`)
    const [name, action, target] = rule.trim().split(/\s+/)
    return { name, action, target, line, needed: false }
  })
let granted = 0
for (const name of Object.keys(functions)) {
  for (const right of rights(name)) {
    granted += 1
    if ((used.get(name) ?? []).some((call) => fits(right, call))) continue
    const target = right.key ?? right.resource
    const excepted = exceptions.find((one) => [name, '*'].includes(one.name) && one.action === right.action && ['*', target].includes(one.target))
    if (excepted) excepted.needed = true
    else findings.push(`${name}: no recorded call uses ${right.action} on ${target}`)
  }
}
findings.push(...exceptions.filter((one) => !one.needed).map((one) => `exceptions.txt: a call uses it now, or nothing grants it: ${one.line}`))

if (findings.length) {
  console.log(findings.sort().join('\n'))
  process.exit(1)
}
console.log(`${judged} calls are judged as the sandbox judged them; ${granted} rights are used, but for ${exceptions.length} exceptions`)
