// What the sandbox says to the page. `GET /api/openapi.json` describes the same for other tools.
// Only the type checker reads this file.

export type World = "main" | "scene";

export interface Phone {
  number: string;
  name: string;
  behaviour: "held" | "answers" | "busy" | "rings_out" | "unreachable" | "forwards";
  to: string | null;
  at: number;
  world: World;
  gone?: boolean;
}

export interface Text {
  id: string;
  at: number;
  world: World;
  direction: "in" | "out";
  from: string;
  to: string;
  text: string;
  media: string[];
  provider: string;
  segments: number;
  encoding: string;
  characters: number;
  price: number;
  currency: string;
  state: string;
  code: number | string | null;
  function: string | null;
}

export interface Step {
  n: number;
  at: number;
  do: string;
  text?: string;
  language?: string | null;
  voice?: string | null;
  times?: number;
  url?: string;
  seconds?: number;
  digits?: string | number | null;
  finish?: string | null;
  timeout?: number;
  number?: string;
  caller_id?: string;
  ring_tone?: string | null;
  held?: boolean;
  status?: string | number;
  max?: number;
  reason?: string;
  by?: string;
  twiml?: string;
}

export interface Waiting {
  for: "keys" | "message" | "answer";
  step: number;
  digits?: number | null;
  finish?: string | null;
  number?: string;
  until: number;
}

export interface Call {
  id: string;
  at: number;
  world: World;
  from: string;
  to: string;
  live: boolean;
  state: "ringing" | "talking" | "ended";
  ended: string | null;
  parent: string | null;
  hops: number;
  forwarded_from: string | null;
  ms: number | null;
  price: number;
  currency: string;
  waiting: Waiting | null;
  steps: Step[];
}

export interface Mail {
  id: string;
  at: number;
  world: World;
  to: string;
  from: string;
  subject: string;
  text: string;
  html?: string;
  has_html: boolean;
  link: string | null;
  kind: string;
  route: string | null;
  function: string | null;
  state: "sending" | "delivered" | "refused" | "given_up" | "no_route";
  attempts: { status: number; ms: number }[];
}

export interface Exchange {
  id: number;
  at: number;
  world: World;
  from: string;
  to: string;
  method: string;
  target: string;
  operation: string;
  status: number | null;
  ms: number | null;
  done: boolean;
  parent: number | null;
  fault: string | null;
  signature: { scheme: string; verdict: string } | null;
  outcome: string | null;
  bytes: number[];
  replays: string[];
}

export interface Body {
  kind: string;
  text: string;
  fields?: [string, string][];
  cut: boolean;
  bytes: number;
}

export interface Message {
  headers: [string, string][];
  body: Body;
}

export interface FullExchange extends Exchange {
  request: Message;
  response: Message | null;
  log: Log | null;
  children: number[];
}

export interface Log {
  at: number;
  world: World;
  function: string;
  level: string;
  outcome: string | null;
  exchange: number | null;
  line: Record<string, unknown> | null;
  text: string;
}

export interface Fault {
  server: string;
  id: string;
  title: string;
  left: number | null;
  met: number;
  since: number;
  number: string | null;
  world: World;
}

export interface FaultKind {
  id: string;
  title: string;
  means: string;
  group: string;
  counts: boolean;
  number: boolean;
}

export interface Server {
  name: string;
  kind: string;
  url: string;
  port: number;
}

export interface Func {
  name: string;
  /** The condition of template.yaml under which a stack has it. */
  condition: string;
  url: string;
  state: string;
  processes: number;
  starts: number;
  started_ms: number;
  at: number;
  world: World;
}

export interface OwnedNumber {
  number: string;
  name: string;
  friendly_name: string;
  texts: boolean;
  calls: boolean;
  function: string;
}

export interface Scene {
  id: string;
  title: string;
  text: string;
  shows: string[];
  seconds: number;
}

export interface SceneRun {
  at: number;
  run: number;
  scene: string;
  state: "starting" | "playing" | "waiting" | "passed" | "failed" | "stopped";
  step: number;
  mode: "auto" | "step" | "fast";
  checks: number;
  error: string | null;
  ms: number | null;
}

export interface Told {
  at: number;
  run: number;
  n: number;
  kind: "title" | "say" | "heard" | "hears" | "check" | "call" | "fail";
  text: string;
  phone: string | null;
  ok: boolean | null;
}

export interface Complaint {
  at: number;
  text: string;
}

export interface State {
  event: number;
  started: number;
  version: string;
  mode: "sandbox" | "demo";
  numbers: OwnedNumber[];
  phones: Phone[];
  texts: Text[];
  calls: Call[];
  mails: Mail[];
  functions: Func[];
  servers: Server[];
  faults: Fault[];
  complaints: Complaint[];
  scenes: Scene[];
  run: SceneRun | null;
  told: Told[];
}

export interface Auth0User {
  id: string;
  email: string;
  phone: string | null;
  verified: boolean;
  blocked: boolean;
  shut_out: boolean;
  failed_logins: number;
  account: string | null;
  greeting: string | null;
}

export interface OktaUser {
  id: string;
  name: string;
  status: string;
  mobile: string | null;
  company_number: string | null;
}

export interface Identity {
  auth0: { users: Auth0User[] };
  okta: { users: OktaUser[]; texts: { to: string; text: string }[] };
  accounts: { number: string; name: string | null; balance: string; phone: string | null }[];
}

export interface Answer {
  ok: boolean;
  message: string;
  login?: string;
  right?: boolean;
}

export interface FunctionNumbers {
  name: string;
  requests: number;
  refused: number;
  failed: number;
  p50: number;
  p95: number;
  max: number;
  cold: number;
  cold_ms: number;
  recent: [number, number, number][];
  billed_ms: number;
}

export interface Numbers {
  since: number;
  functions: FunctionNumbers[];
  texts: {
    provider: string;
    accepted: number;
    delivered: number;
    failed: number;
    segments: number;
    cost: number;
  }[];
  calls: { count: number; seconds: number; cost: number };
  aws: { invocations: number; writes: number; reads: number; cost: number };
  cost: number;
  currency: string;
}

export interface Prefix {
  prefix: string;
  count: number;
  meaning: string;
  functions: string[];
}

export interface Table {
  name: string;
  prefixes: Prefix[];
  total: number;
  more?: boolean;
  items?: { pk: string; sk: string | null; expires: number | null; attributes: Record<string, string> }[];
}
