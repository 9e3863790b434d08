package sup

// GeneratedV1 is referenced by code that supgen generates.
//
// A version of this package that does not fit such code has a constant with another
// name, so that the code of an older supgen does not compile.
const GeneratedV1 = true
