// Runs once before all test projects. Tests of the executables run what a build made, so the build comes first.
export default function setup(): void {}
