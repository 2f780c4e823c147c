// The binary interface of cuDNN 9's graph API, as far as this stand-in has it: the numbers that a
// program and the library share. The names are ours. A name that differs from the library's only by
// its prefix has the prefix of its enumeration there.
#pragma once
#include <cstddef>
#include <cstdint>

#include "abi_attributes.h"

namespace abi {

enum Status : int {
  kSuccess = 0,
  kNotInitialized = 1001,
  kSublibraryVersionMismatch = 1002,
  kSerializationVersionMismatch = 1003,
  kBadParam = 2000,
  kNullPointer = 2002,
  kMisalignedPointer = 2003,
  kNotFinalized = 2004,
  kOutOfBound = 2005,
  kSizeInsufficient = 2006,
  kStreamMismatch = 2007,
  kShapeMismatch = 2008,
  kDuplicatedEntries = 2009,
  kAttributeType = 2010,
  kCudaGraphMismatch = 2011,
  kDescriptorType = 2012,
  kNotSupported = 3000,
  kNotSupportedGraphPattern = 3001,
  kNotSupportedShape = 3002,
  kNotSupportedDataType = 3003,
  kNotSupportedLayout = 3004,
  kNotSupportedArchMismatch = 3007,
  kNotSupportedPadding = 3011,
  kNotSupportedCudaGraphNative = 3013,
  kInternalError = 4000,
  kCompilationFailed = 4001,
  kUnexpectedValue = 4002,
  kHostAllocationFailed = 4003,
  kExecutionFailed = 5000,
  kExecutionFailedDriver = 5001,
};

enum DataType : int {
  kFloat = 0,
  kDouble = 1,
  kHalf = 2,
  kInt8 = 3,
  kInt32 = 4,
  kInt8x4 = 5,
  kUint8 = 6,
  kUint8x4 = 7,
  kInt8x32 = 8,
  kBfloat16 = 9,
  kInt64 = 10,
  kBoolean = 11,
  kFp8E4M3 = 12,
  kFp8E5M2 = 13,
  kLastDataType = 23,
};

// AttrType is the type of an attribute's elements.
enum AttrType : int {
  kTypeHandle = 0,
  kTypeDataType = 1,
  kTypeBoolean = 2,
  kTypeInt64 = 3,
  kTypeFloat = 4,
  kTypeDouble = 5,
  kTypeVoidPtr = 6,
  kTypeConvolutionMode = 7,
  kTypeHeurMode = 8,
  kTypeKnobType = 9,
  kTypeNanPropagation = 10,
  kTypeNumericalNote = 11,
  kTypeLayoutType = 12,
  kTypeAttribName = 13,
  kTypePointwiseMode = 14,
  kTypeDescriptor = 15,
  kTypeGenstatsMode = 16,
  kTypeBnFinalizeMode = 17,
  kTypeReductionOperator = 18,
  kTypeBehaviorNote = 19,
  kTypeReordering = 20,
  kTypeResampleMode = 21,
  kTypePaddingMode = 22,
  kTypeInt32 = 23,
  kTypeChar = 24,
  kTypeSignalMode = 25,
  kTypeFraction = 26,
  kTypeNormMode = 27,
  kTypeNormPhase = 28,
  kTypeRngDistribution = 29,
  kTypeCount = 34,
};

// Kind is the type of a descriptor.
enum Kind : int {
  kPointwise = 0,
  kConvolution = 1,
  kEngine = 2,
  kEngineConfig = 3,
  kEngineHeuristic = 4,
  kExecutionPlan = 5,
  kIntermediateInfo = 6,
  kKnobChoice = 7,
  kKnobInfo = 8,
  kLayoutInfo = 9,
  kOpConvForward = 10,
  kOpConvFilter = 11,
  kOpConvData = 12,
  kOpPointwise = 13,
  kOpGenStats = 14,
  kOperationGraph = 15,
  kVariantPack = 16,
  kTensor = 17,
  kMatmul = 18,
  kOpMatmul = 19,
  kOpBnFinalize = 20,
  kReduction = 21,
  kOpReduction = 22,
  kOpBnBwdWeights = 23,
  kResample = 24,
  kOpResampleForward = 25,
  kOpResampleBackward = 26,
  kOpConcat = 27,
  kOpSignal = 28,
  kOpNormForward = 29,
  kOpNormBackward = 30,
  kOpReshape = 31,
  kDeviceProp = 38,
  kKindCount = 51,
};

enum ConvMode : int { kConvolutionMode = 0, kCrossCorrelation = 1 };
enum HeurMode : int {
  kHeurInstant = 0,
  kHeurB = 1,
  kHeurFallback = 2,
  kHeurA = 3,
  kHeurModeCount = 4
};
enum NumericalNote : int {
  kNoteTensorCore = 0,
  kNoteDownConvert = 1,
  kNoteReducedPrecision = 2,
  kNoteFft = 3,
  kNoteNondeterministic = 4,
  kNoteWinograd = 5
};
enum KnobType : int { kKnobSplitK = 17 };
enum BehaviorNote : int { kNoteRuntimeCompilation = 0, kNoteCudaGraphNative = 3 };
enum ReduceOp : int {
  kReduceAdd = 0,
  kReduceMul = 1,
  kReduceMin = 2,
  kReduceMax = 3,
  kReduceAmax = 4,
  kReduceAvg = 5,
  kReduceNorm1 = 6,
  kReduceNorm2 = 7,
  kReduceMulNoZeros = 8,
};
enum ResampleMode : int {
  kNearest = 0,
  kBilinear = 1,
  kAvgPoolInclude = 2,
  kMaxPool = 3,
  kAvgPoolExclude = 4
};
enum PaddingMode : int { kZeroPad = 0, kNegInfPad = 1, kEdgePad = 2 };
enum NormMode : int {
  kLayerNorm = 0,
  kInstanceNorm = 1,
  kBatchNorm = 2,
  kGroupNorm = 3,
  kRmsNorm = 4
};
enum NormPhase : int { kNormInference = 0, kNormTraining = 1 };

enum PointwiseMode : int {
  kAdd = 0,
  kMul = 1,
  kMin = 2,
  kMax = 3,
  kSqrt = 4,
  kAddSquare = 5,
  kDiv = 6,
  kMod = 7,
  kPow = 8,
  kSub = 9,
  kAbs = 10,
  kCeil = 11,
  kCos = 12,
  kExp = 13,
  kFloor = 14,
  kLog = 15,
  kNeg = 16,
  kRsqrt = 17,
  kSin = 18,
  kTan = 19,
  kErf = 20,
  kIdentity = 21,
  kReciprocal = 22,
  kAtan2 = 23,
  kReluFwd = 100,
  kTanhFwd = 101,
  kSigmoidFwd = 102,
  kEluFwd = 103,
  kGeluFwd = 104,
  kSoftplusFwd = 105,
  kSwishFwd = 106,
  kGeluTanhFwd = 107,
  kReluBwd = 200,
  kTanhBwd = 201,
  kSigmoidBwd = 202,
  kEluBwd = 203,
  kGeluBwd = 204,
  kSoftplusBwd = 205,
  kSwishBwd = 206,
  kGeluTanhBwd = 207,
  kCmpEq = 300,
  kCmpNeq = 301,
  kCmpGt = 302,
  kCmpGe = 303,
  kCmpLt = 304,
  kCmpLe = 305,
  kLogicalAnd = 400,
  kLogicalOr = 401,
  kLogicalNot = 402,
  kGenIndex = 501,
  kBinarySelect = 601,
};

constexpr int kMaxDims = 8;

}  // namespace abi
