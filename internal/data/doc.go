// Package data holds the data sets: it reads CIFAR-10 and CIFAR-100 in their official binary format from a folder or
// from the official archive unopened, downloads that archive, generates a built-in set from a seed, and says what the
// augmentation of an image is.
//
// Load is the entry for a run; Open, Fetch and Synthetic are its parts. Every set comes as engine.Images: bytes in
// planes R, G, B. Normalising and augmenting belong to the engines; Augment is the arithmetic they are held to, and
// Sheet shows it.
package data
