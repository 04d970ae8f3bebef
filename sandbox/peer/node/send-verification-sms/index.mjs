// What send-verification-sms does, as one writes it with the vendors' own libraries: check Mailgun's signature, find the link, remember the
// request, text the phone. Retries, limits and duplicates are left out, so it does less than what it is compared with.
import { createHmac, timingSafeEqual } from "node:crypto";
import { DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";
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
  const [{ account_sid, auth_token }, { signing_key }] = await Promise.all([
    secret(process.env.TWILIO_SECRET),
    secret(process.env.MAILGUN_SECRET),
  ]);
  return { client: twilio(account_sid, auth_token, { httpClient: new ElsewhereClient() }), signing_key };
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
  const expires = Math.floor(Date.now() / 1000) + 8 * 3600;
  await dynamodb.send(
    new PutItemCommand({
      TableName: TABLE_NAME,
      Item: { pk: { S: `pending#${phone}` }, sk: { S: "pending" }, link: { S: link }, expires_at: { N: String(expires) } },
    }),
  );
  const message = await client.messages.create({ to: phone, from: TWILIO_NUMBER, body: REG_SMS_BODY });
  console.log(JSON.stringify({ outcome: "sent", sid: message.sid }));
  return empty(200);
}
