// What send-verification-sms does, as one writes it with the vendors' own libraries: check Mailgun's signature, find the link, claim the mail
// with its limits and its request in one transaction, text the phone, write down that it was sent. What to do when something fails is left out.
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { DynamoDBClient, TransactWriteItemsCommand, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import twilio from "twilio";

const { AUTH0_URL, RECIPIENT_DOMAIN, RECIPIENT_PREFIX, REG_SMS_BODY, TABLE_NAME, TWILIO_NUMBER, TWILIO_URL } = process.env;
const dynamodb = new DynamoDBClient();
const secrets = new SecretsManagerClient();

// The library knows one address of Twilio only; here it must be another.
class ElsewhereClient extends twilio.RequestClient {
  request(options) {
    return super.request({ ...options, uri: options.uri.replace("https://api.twilio.com", TWILIO_URL) });
  }
}

async function secret(id) {
  const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: id }));
  return JSON.parse(SecretString);
}

let connected;
async function connect() {
  const [{ account_sid, api_key_sid, api_key_secret }, { signing_key }] = await Promise.all([
    secret(process.env.TWILIO_SECRET),
    secret(process.env.MAILGUN_SECRET),
  ]);
  const options = { accountSid: account_sid, httpClient: new ElsewhereClient() };
  return { client: twilio(api_key_sid, api_key_secret, options), signing_key };
}

const sends = "attribute_not_exists(pk)";
const counts = "attribute_not_exists(hits) OR hits < :max";

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

const empty = (statusCode) => ({ statusCode, headers: {}, body: "" });

export async function handler(event) {
  connected ??= connect();
  const { client, signing_key } = await connected;
  const form = new URLSearchParams(event.isBase64Encoded ? Buffer.from(event.body, "base64").toString() : event.body);
  const signed = createHmac("sha256", signing_key).update(form.get("timestamp") + form.get("token")).digest();
  const given = Buffer.from(form.get("signature") ?? "", "hex");
  if (given.length !== signed.length || !timingSafeEqual(given, signed)) return empty(401);
  const address = new RegExp(`^${RECIPIENT_PREFIX}(\\+\\d{8,15})@${RECIPIENT_DOMAIN.replaceAll(".", "\\.")}$`);
  const phone = address.exec(form.get("recipient") ?? "")?.[1];
  const links = [...(form.get("body-html") ?? "").matchAll(/href="([^"]+)"/g)].map(([, link]) => link);
  const link = links.find((link) => link.startsWith(`${AUTH0_URL}/`));
  if (!phone || !link) return empty(406);
  const now = Math.floor(Date.now() / 1000);
  const number = (value) => ({ N: String(value) });
  const id = createHash("sha256").update(`${form.get("Message-Id")}${phone}`).digest("hex").slice(0, 32);
  const hour = String(Math.floor(now / 3600));
  const hits = (max) => ({ ":one": number(1), ":end": number(now + 7200), ":max": number(max) });
  const request = { link: { S: link }, email: { S: form.get("recipient") }, created_at: number(now), expires_at: number(now + 8 * 3600) };
  const TransactItems = [
    update(`seen#mailgun#${form.get("token")}`, "token", "SET mail = :id, expires_at = :end", { ":id": { S: id }, ":end": number(now + 86400) }, sends),
    update(`sent#mail#${id}`, "journal", "SET stage = :sending, expires_at = :end", { ":sending": { S: "sending" }, ":end": number(now + 86400) }, sends),
    update(`rate#sms#${phone}`, hour, "SET expires_at = :end ADD hits :one", hits(5), counts),
    update("rate#sms#all", hour, "SET expires_at = :end ADD hits :one", hits(1000), counts),
    update(`pending#${phone}`, "pending", `SET r_${id} = :request, expires_at = :end`, { ":request": { M: request }, ":end": number(now + 2 * 86400) }),
  ];
  await dynamodb.send(new TransactWriteItemsCommand({ TransactItems }));
  const message = await client.messages.create({ to: phone, from: TWILIO_NUMBER, body: REG_SMS_BODY });
  const values = { ":sent": { S: "sent" }, ":sid": { S: message.sid } };
  await dynamodb.send(new UpdateItemCommand(update(`sent#mail#${id}`, "journal", "SET stage = :sent, sid = :sid", values).Update));
  console.log(JSON.stringify({ outcome: "sent", sid: message.sid }));
  return empty(200);
}
