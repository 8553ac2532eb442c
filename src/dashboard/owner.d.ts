// What the owner's API answers, as far as the page reads it. A member that is absent is left out of the answer.

declare namespace Owner {
  type Outcome =
    "ignored" | "waiting" | "sending" | "building" | "live" | "done" | "failed" | "unknown" | "held";

  interface Caused {
    id: number;
    action: string;
    target: string;
    state: string;
    build?: string;
  }

  interface Summary {
    id: number;
    source: string;
    connection: string;
    event_id: string;
    event_type: string;
    kind: string;
    item?: string;
    title?: string;
    stale: boolean;
    verified_by: string;
    received_at: string;
    bytes: number;
    outcome: Outcome;
    jobs?: Caused[];
  }

  interface Listed {
    deliveries: Summary[];
    next?: number;
  }

  interface Attempt {
    number: number;
    started_at: string;
    ended_at?: string;
    outcome?: string;
    status?: number;
    detail?: string;
  }

  interface Build {
    state: string;
    host?: string;
    reference?: string;
    requested_at?: string;
    building_at?: string;
    built_at?: string;
    ended_at?: string;
    live_seconds?: number;
    reason?: string;
    url?: string;
  }

  interface Job {
    id: number;
    action: string;
    target: string;
    state: string;
    due?: string;
    reason?: string;
    finished_at?: string;
    why?: { rule?: number; text: string };
    carries?: number;
    with?: number[];
    attempts: Attempt[];
    build?: Build;
  }

  interface Delivery extends Omit<Summary, "jobs"> {
    headers?: Record<string, string>;
    payload?: string;
    payload_base64?: string;
    jobs?: Job[];
    why_not?: string;
  }

  interface Deploy {
    job: number;
    target: string;
    state: string;
    first_at?: string;
    due?: string;
    count: number;
    deliveries: { id: number; source: string; title?: string }[];
    build?: Build;
    reason?: string;
  }

  interface Refusal {
    path: string;
    status: number;
    reason: string;
    count: number;
    first_at: string;
    last_at: string;
  }

  interface Hour {
    at: string;
    [outcome: string]: string | number;
  }

  interface Target {
    name: string;
    state: string;
    live_at?: string;
  }

  interface Budget {
    name: string;
    limit: number;
    used: number;
    reserve?: number;
    resets_at?: string;
  }

  interface Overview {
    version: string;
    mode: string;
    now: string;
    hours?: Hour[];
    outcomes?: Record<string, number>;
    live?: {
      median_seconds?: number;
      p95_seconds?: number;
      recent?: { at: string; seconds: number; target: string }[];
    };
    budgets?: Budget[];
    queue?: { waiting: number; dead: number; held: number; oldest_due_at?: string };
    targets?: Target[];
  }

  interface Connection {
    connection: string;
    title: string;
    url: string;
    nameless?: boolean;
    where?: string;
    docs?: string;
    secret: string;
    previous?: string;
    last_at?: string;
    sample?: string;
  }

  interface Setup {
    version: string;
    mode: string;
    now: string;
    connections: Connection[];
    senders?: { source: string; title: string; setting: string; where?: string; docs?: string }[];
    targets?: { name: string; setting?: string; host?: string; follows?: boolean }[];
    findings?: { level: string; code?: string; what: string; remedy?: string }[];
    inbox: boolean;
    site_url?: string;
  }

  /** A part of the page that a path names: it reads what it shows, then makes it anew as often as something changes. */
  interface View {
    /** The title of the tab. */
    title: string;
    /** The place of the navigation that it belongs to. */
    place: string;
    /** Reads what has changed. */
    load(): Promise<void>;
    /** What is shown by now; what is there already is changed into it. */
    render(): Element;
    /** What a button in it does that no other view has. */
    act?(name: string, element: HTMLElement): void | Promise<void>;
    /** A field in it was changed. */
    input?(form: HTMLFormElement, done: boolean): void;
  }
}
