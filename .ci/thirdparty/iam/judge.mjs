// Judges recorded calls by the policies, both ways: what the sandbox allowed must be allowed, what it refused must be refused, and a right
// that no call used must be one of the exceptions.
//
//     node judge.mjs POLICIES CALLS EXCEPTIONS

import { readFileSync } from 'node:fs'
import { runSimulation, runUnsafeSimulation } from '@cloud-copilot/iam-simulate'

const [policiesFile, callsFile, exceptionsFile] = process.argv.slice(2)
// Its list of AWS's conditions has `kms:EncryptionContext:` without the names behind it, and drops what it does not know. A condition on a
// tag of the caller stands for it, in the policies and in the requests.
const known = (text) => text.replaceAll('kms:EncryptionContext:', 'aws:PrincipalTag/')
const { account, functions, secrets, sender, table } = JSON.parse(known(readFileSync(policiesFile, 'utf8')))
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
    const context = Object.entries(call.context ?? {}).map(([name, value]) => [known(`kms:EncryptionContext:${name}`), value])
    const resource = call.key.startsWith('arn:') ? call.key : `arn:aws:kms:eu-west-1:${account}:key/${call.key}`
    return { resource, context: Object.fromEntries(context) }
  }
  // The tests name senders of all kinds. A stack names one, by its ARN.
  return { resource: sender, context: {} }
}

/** The usual policy of a key: it leaves the decision to IAM. */
const keyPolicy = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: 'kms:*', Resource: '*' }]
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
  calls.set(JSON.stringify([call.function, call.action, call.allowed, item, call.secret, call.key, call.context?.['userpool-id']]), call)
}

const used = new Map()
let judged = 0
for (const call of calls.values()) {
  if (!(call.function in functions)) continue // a program of the sandbox's own tests
  const { resource, context } = asked(call)
  const request = {
    request: {
      principal: `arn:aws:sts::${account}:assumed-role/${call.function}/${call.function}`,
      action: call.action,
      resource: { resource, accountId: account },
      contextVariables: context
    },
    identityPolicies: functions[call.function].map((policy, number) => ({ name: `${call.function}-${number}`, policy })),
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    resourcePolicy: 'key' in call ? keyPolicy : undefined
  }
  // Of SendVoiceMessage its list has the action of an older API, which takes no resource. So it judges that one without the list.
  const listed = call.action !== 'sms-voice:SendVoiceMessage'
  const answer = listed ? await runSimulation(request, {}) : { overallResult: runUnsafeSimulation(request, {}) }
  if (answer.resultType === 'error') {
    findings.push(`${JSON.stringify(call)}: ${JSON.stringify(answer.errors)}`)
    continue
  }
  judged += 1
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
