package sup

// GeneratedV1 is referred to by what supgen generates. A version of this
// package that code of an older supgen does not fit has a constant of another
// name, so that such code does not compile.
const GeneratedV1 = true
