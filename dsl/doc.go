// Package dsl reads the TOML language in which shake's networks and experiments are written.
package dsl
