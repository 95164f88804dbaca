// Runs each call of src/lib.rs, and prints how many worked as cargo prints it for tests.
const program = new WebAssembly.Module(require("fs").readFileSync(process.argv[2]));
const { works } = new WebAssembly.Instance(program).exports;
const counts = [0, 0];
for (let number = 0; ; number++) {
  const result = works(number);
  if (result === -1) break;
  if (result === 0) console.log(`call ${number} did not work`);
  counts[result]++;
}
const [failed, passed] = counts;
console.log(`test result: ${failed ? "FAILED" : "ok"}. ${passed} passed; ${failed} failed; 0 ignored`);
process.exitCode = failed ? 1 : 0;
