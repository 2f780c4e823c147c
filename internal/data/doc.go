// Package data holds the data sets. It reads CIFAR-10 and CIFAR-100 in their official binary
// format, from a folder or straight from the official archive, and it downloads that archive. It
// generates a built-in set from a seed. It defines the augmentation of an image.
//
// Load is the entry for a run; Open, Fetch and Synthetic are its parts. Every set comes as
// engine.Images: bytes in planes R, G, B. Normalising and augmenting belong to the engines. Augment
// is the arithmetic that their results are compared with, and Sheet draws it.
package data
