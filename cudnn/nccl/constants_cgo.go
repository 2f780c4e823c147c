package nccl

// #include "../../csrc/load/nccl.h"
import "C"

// Each line fails to compile if the constant differs from its name in csrc/load, which tests hold
// against NVIDIA's headers.
const (
	_ = uint(ErrUnhandledCUDA-C.ncclUnhandledCudaError) + uint(C.ncclUnhandledCudaError-ErrUnhandledCUDA)
	_ = uint(ErrSystem-C.ncclSystemError) + uint(C.ncclSystemError-ErrSystem)
	_ = uint(ErrInternal-C.ncclInternalError) + uint(C.ncclInternalError-ErrInternal)
	_ = uint(ErrInvalidArgument-C.ncclInvalidArgument) + uint(C.ncclInvalidArgument-ErrInvalidArgument)
	_ = uint(ErrInvalidUsage-C.ncclInvalidUsage) + uint(C.ncclInvalidUsage-ErrInvalidUsage)
	_ = uint(ErrRemote-C.ncclRemoteError) + uint(C.ncclRemoteError-ErrRemote)
	_ = uint(inProgress-C.ncclInProgress) + uint(C.ncclInProgress-inProgress)
	_ = uint(I8-C.ncclInt8) + uint(C.ncclInt8-I8)
	_ = uint(U8-C.ncclUint8) + uint(C.ncclUint8-U8)
	_ = uint(I32-C.ncclInt32) + uint(C.ncclInt32-I32)
	_ = uint(U32-C.ncclUint32) + uint(C.ncclUint32-U32)
	_ = uint(I64-C.ncclInt64) + uint(C.ncclInt64-I64)
	_ = uint(U64-C.ncclUint64) + uint(C.ncclUint64-U64)
	_ = uint(F16-C.ncclFloat16) + uint(C.ncclFloat16-F16)
	_ = uint(F32-C.ncclFloat32) + uint(C.ncclFloat32-F32)
	_ = uint(F64-C.ncclFloat64) + uint(C.ncclFloat64-F64)
	_ = uint(BF16-C.ncclBfloat16) + uint(C.ncclBfloat16-BF16)
	_ = uint(Sum-C.ncclSum) + uint(C.ncclSum-Sum)
	_ = uint(Prod-C.ncclProd) + uint(C.ncclProd-Prod)
	_ = uint(Max-C.ncclMax) + uint(C.ncclMax-Max)
	_ = uint(Min-C.ncclMin) + uint(C.ncclMin-Min)
	_ = uint(Avg-C.ncclAvg) + uint(C.ncclAvg-Avg)
	_ = uint(len(ID{})-C.NCCL_UNIQUE_ID_BYTES) + uint(C.NCCL_UNIQUE_ID_BYTES-len(ID{}))
)
