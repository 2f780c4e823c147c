// Package dsl reads the TOML language in which shake's networks and experiments are written.
// docs/language.md is its manual.
//
// A file becomes a Spec in these steps:
//
//  1. The TOML library decodes the text. A scanner of our own finds the place of every value, which
//     the library keeps to itself.
//  2. The extended file is decoded likewise and laid under this one; overrides are laid over both.
//     Every value keeps its place.
//  3. The result is held against the table of keys (keys.go): names, types, bounds, words,
//     defaults.
//  4. Lists of layers, shapes of all blocks, and other conditions of several keys are checked.
//
// All mistakes of a step are reported together, as Errors, each with file, line and column. A
// syntax error ends the reading of its file, and shapes are only followed through a network whose
// own keys are right, so that one mistake is not reported twice.
//
// The table of keys also makes the JSON Schema for editors (schema.json), the tables of
// docs/language.md, and the guesses in errors.
package dsl
