// Package gpu runs plans on a CUDA device: convolutions by cuDNN, everything else by the kernels of csrc/cuda.
//
// An engine.Plan recomputes views and gradients on load, which cuDNN cannot. So it is lowered once more, to a List: one entry a launch, over buffers in
// device memory that hold what a convolution reads. A List is plain data of a plan, a batch and a storage type; it prints and is tested without a device.
//
// A program binds a List to a card. What cuDNN could do there instead of several launches (rivals.go) is timed on the card against them (ways.go), and the choice
// kept on disk (choices.go).
//
// Two packages are called cuda: the driver's binding, cudnn/cuda, keeps its name here; csrc/cuda is imported as kernels.
package gpu
