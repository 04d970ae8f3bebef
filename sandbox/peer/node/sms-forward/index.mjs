// What sms-forward does, as one writes it with the vendors' own libraries: check Twilio's signature, ask Okta whose number it is, which is
// remembered for a minute, note the message, its rate and the correspondent in one transaction, pass the text on. What to do when something
// fails, and the copy of Okta's answer for then, are left out.
import { DynamoDBClient, TransactWriteItemsCommand } from "@aws-sdk/client-dynamodb";
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

// One item's part of a transaction.
function update(pk, sk, expression, values, condition) {
  const Key = { pk: { S: pk }, sk: { S: sk } };
  return {
    Update: {
      TableName: TABLE_NAME,
      Key,
      UpdateExpression: expression,
      ConditionExpression: condition,
      ExpressionAttributeValues: values,
    },
  };
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
  const counted = { ":one": { N: "1" }, ":max": { N: "20" }, ":end": end(120) };
  const TransactItems = [
    update(`seen#twilio-forward#${form.MessageSid}`, "message", "SET expires_at = :end", { ":end": end(7 * 86400) }, "attribute_not_exists(pk)"),
    update(
      `rate#text-pair#${form.To}#${form.From}`,
      String(Math.floor(now / 60)),
      "SET expires_at = :end ADD hits :one",
      counted,
      "attribute_not_exists(hits) OR hits < :max",
    ),
    update(`thread#${form.To}`, "last", "SET correspondent = :from, expires_at = :end", { ":from": { S: form.From }, ":end": end(30 * 86400) }),
  ];
  await dynamodb.send(new TransactWriteItemsCommand({ TransactItems }));
  response.message({ to: employee.profile.mobilePhone, from: form.To }, `From: ${form.From}\n\n${form.Body}`);
  console.log(JSON.stringify({ outcome: "forwarded", sid: form.MessageSid }));
  return twiml(response);
}
