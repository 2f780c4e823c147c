// Package gpu runs plans on a CUDA device: convolutions by cuDNN, every other operation by the
// kernels of csrc/cuda.
//
// An engine.Plan recomputes views and gradients on load, which cuDNN cannot do. The plan is
// therefore lowered once more, to a List: one entry a launch, over buffers in device memory that
// hold the operands of the convolutions. A List is plain data of a plan, a batch and a storage
// type; it prints and is tested without a device.
//
// The launches run on several streams (schedule.go). Edges between them follow from the places that
// each launch touches (touches.go); whether two buffers may share memory follows from the edges.
//
// A program binds a List to a card. A rival (rivals.go) is a cuDNN graph that can replace several
// launches. The program times rivals on the card against the launches (ways.go) and keeps the
// choice on disk (choices.go).
//
// Two packages are called cuda: the driver's binding, cudnn/cuda, keeps its name here; csrc/cuda is
// imported as kernels.
package gpu
