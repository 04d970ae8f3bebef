// What sms-forward does, as one writes it with the vendors' own libraries: check Twilio's signature, ask Okta whose number it is, remember
// the correspondent, pass the text on. Retries, limits and outages are left out, so it does less than what it is compared with.
import { DynamoDBClient, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
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
  const search = `profile.primaryPhone eq ${JSON.stringify(form.To)}`;
  const { value: employee } = await (await directory.userApi.listUsers({ search, limit: 2 })).next();
  if (employee?.status !== "ACTIVE") return twiml(response);
  await dynamodb.send(
    new UpdateItemCommand({
      TableName: TABLE_NAME,
      Key: { pk: { S: `thread#${form.To}` }, sk: { S: "last" } },
      UpdateExpression: "SET correspondent = :from",
      ExpressionAttributeValues: { ":from": { S: form.From } },
    }),
  );
  response.message({ to: employee.profile.mobilePhone, from: form.To }, `From: ${form.From}\n\n${form.Body}`);
  console.log(JSON.stringify({ outcome: "forwarded", sid: form.MessageSid }));
  return twiml(response);
}
