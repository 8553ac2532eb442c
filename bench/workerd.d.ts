// The npm package of the runtime, which has no types of its own.

declare module "workerd" {
  const workerd: {
    /** Where the program lies. */
    default: string;
  };
  export default workerd;
}

// What the runtime itself offers.
declare module "cloudflare:workers" {
  export class DurableObject {
    constructor(ctx: any, env: any);
    ctx: any;
    env: any;
  }
}
