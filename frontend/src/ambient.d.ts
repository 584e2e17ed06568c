declare module "engine:text" {
  const source: string;
  export default source;
}
declare module "style:text" {
  const css: string;
  export default css;
}
