// The npm package of the runtime, which has no types of its own.

declare module "workerd" {
  const workerd: {
    /** Where the program lies. */
    default: string;
  };
  export default workerd;
}
