// What sms-forward does, as one writes it with the vendors' own libraries: check Twilio's signature, ask Okta whose number it is, which is
// remembered for a minute, count the text against six limits while it is asked whether it came before, note it and the correspondent, pass
// it on. What to do when something fails or comes again, and the copy of Okta's answer for then, are left out.
import { DynamoDBClient, GetItemCommand, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import okta from "@okta/okta-sdk-nodejs";
import twilio from "twilio";

const { OKTA_URL, TABLE_NAME } = process.env;
const dynamodb = new DynamoDBClient();
const secrets = new SecretsManagerClient();

async function secret(id) {
  const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: id }));
  return JSON.parse(SecretString);
}

let connected;
async function connect() {
  const [{ auth_token }, { api_token }] = await Promise.all([secret(process.env.TWILIO_SECRET), secret(process.env.OKTA_SECRET)]);
  return { auth_token, directory: new okta.Client({ orgUrl: OKTA_URL, token: api_token }) };
}

// By company number: the employee, and until when that is believed.
const remembered = new Map();
async function employeeOf(directory, number) {
  const known = remembered.get(number);
  if (known?.until > Date.now()) return known.employee;
  const search = `profile.primaryPhone eq ${JSON.stringify(number)}`;
  const { value: employee } = await (await directory.userApi.listUsers({ search, limit: 2 })).next();
  remembered.set(number, { employee, until: Date.now() + 60_000 });
  return employee;
}

const keyOf = (pk, sk) => ({ TableName: TABLE_NAME, Key: { pk: { S: pk }, sk: { S: sk } } });

function update(pk, sk, expression, values, condition) {
  const change = { UpdateExpression: expression, ConditionExpression: condition, ExpressionAttributeValues: values };
  return dynamodb.send(new UpdateItemCommand({ ...keyOf(pk, sk), ...change }));
}

// At most so many within a window of so many seconds.
function count(key, weight, max, seconds) {
  const window = Math.floor(Date.now() / 1000 / seconds);
  const values = { ":weight": { N: String(weight) }, ":room": { N: String(max - weight) }, ":end": { N: String((window + 2) * seconds) } };
  const condition = "attribute_not_exists(hits) OR hits <= :room";
  return update(`rate#${key}`, String(window), "SET expires_at = :end ADD hits :weight", values, condition);
}

const twiml = (response) => ({ statusCode: 200, headers: { "content-type": "text/xml" }, body: response.toString() });

export async function handler(event) {
  connected ??= connect();
  const { auth_token, directory } = await connected;
  const body = event.isBase64Encoded ? Buffer.from(event.body, "base64").toString() : event.body;
  const form = Object.fromEntries(new URLSearchParams(body));
  const url = `https://${event.requestContext.domainName}${event.rawPath}`;
  if (!twilio.validateRequest(auth_token, event.headers["x-twilio-signature"] ?? "", url, form)) {
    return { statusCode: 403, headers: {}, body: "" };
  }
  const response = new twilio.twiml.MessagingResponse();
  const employee = await employeeOf(directory, form.To);
  if (employee?.status !== "ACTIVE") return twiml(response);
  const now = Math.floor(Date.now() / 1000);
  const end = (seconds) => ({ N: String(now + seconds) });
  const text = `From: ${form.From}\n\n${form.Body}`;
  const segments = Math.ceil(text.length / 153);
  const pair = `text-pair#${form.To}#${form.From}`;
  const seen = [`seen#twilio-forward#${form.MessageSid}`, "message"];
  await Promise.all([
    dynamodb.send(new GetItemCommand({ ...keyOf(...seen), ConsistentRead: true })),
    count(pair, 1, 5, 60),
    count(pair, segments, 50, 3600),
    count(`text#${form.To}`, segments, 160, 3600),
    count(`text#${form.To}`, segments, 800, 86400),
    count("text#all", segments, 1600, 3600),
    count("text#all", segments, 8000, 86400),
  ]);
  await Promise.all([
    update(...seen, "SET expires_at = :end", { ":end": end(400 * 86400) }, "attribute_not_exists(pk)"),
    update(`thread#${form.To}`, "last", "SET correspondent = :from, expires_at = :end", { ":from": { S: form.From }, ":end": end(30 * 86400) }),
  ]);
  response.message({ to: employee.profile.mobilePhone, from: form.To }, text);
  console.log(JSON.stringify({ outcome: "forwarded", sid: form.MessageSid }));
  return twiml(response);
}
