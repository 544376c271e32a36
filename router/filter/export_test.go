package filter

// CompileFilter compiles the filter of a subscription alone.
var CompileFilter = compile
