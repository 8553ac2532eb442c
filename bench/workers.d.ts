// What the runtime itself offers to the Workers that are measured.

declare module "cloudflare:workers" {
  export class DurableObject {
    constructor(ctx: any, env: any);
    ctx: any;
    env: any;
  }
}
