// The attributes of each kind of descriptor: type, number of elements, and whether one must be set
// before finalizing.
#include "descriptor.h"

namespace dnn {
namespace {
using namespace abi;

constexpr bool must = true, may = false;

Field one(int attr, int type, bool required) { return {attr, type, 1, required}; }
Field real(int attr, bool required) { return {attr, kTypeFloat, 1, required, kTypeDouble}; }
Field dims(int attr, bool required) { return {attr, kTypeInt64, kMaxDims, required}; }
Field child(int attr, bool required) { return {attr, kTypeDescriptor, 1, required}; }
Field output(int attr, int type, int64_t most = 1 << 30) {
  return {attr, type, most, false, -1, true};
}

std::map<int, std::vector<Field>> table() {
  std::map<int, std::vector<Field>> t;
  t[kTensor] = {one(kTensorUid, kTypeInt64, must),
                one(kTensorDataType, kTypeDataType, must),
                one(kTensorAlignment, kTypeInt64, must),
                dims(kTensorDims, must),
                dims(kTensorStrides, must),
                one(kTensorVirtual, kTypeBoolean, may),
                one(kTensorByValue, kTypeBoolean, may),
                one(kTensorVectorCount, kTypeInt64, may),
                one(kTensorVectorDim, kTypeInt64, may),
                one(kTensorReordering, kTypeReordering, may)};
  t[kConvolution] = {one(kConvCompType, kTypeDataType, must),
                     one(kConvMode, kTypeConvolutionMode, must),
                     one(kConvSpatialDims, kTypeInt64, must),
                     dims(kConvDilations, must),
                     dims(kConvStrides, must),
                     dims(kConvPrePads, must),
                     dims(kConvPostPads, must)};
  t[kPointwise] = {one(kPointwiseMode, kTypePointwiseMode, must),
                   one(kPointwiseMathPrec, kTypeDataType, must),
                   one(kPointwiseNan, kTypeNanPropagation, may),
                   real(kPointwiseReluLower, may),
                   real(kPointwiseReluUpper, may),
                   real(kPointwiseReluSlope, may),
                   real(kPointwiseEluAlpha, may),
                   real(kPointwiseSoftplusBeta, may),
                   real(kPointwiseSwishBeta, may),
                   one(kPointwiseAxis, kTypeInt64, may)};
  t[kReduction] = {one(kReductionOperator, kTypeReductionOperator, must),
                   one(kReductionCompType, kTypeDataType, must),
                   one(kReductionDeterministic, kTypeBoolean, may)};
  t[kResample] = {
      one(kResampleMode, kTypeResampleMode, must), one(kResampleCompType, kTypeDataType, must),
      one(kResampleSpatialDims, kTypeInt64, must), one(kResampleNan, kTypeNanPropagation, may),
      one(kResamplePadding, kTypePaddingMode, may)};
  for (int a : {kResampleStrides, kResamplePrePads, kResamplePostPads, kResampleWindow})
    t[kResample].push_back({a, kTypeInt64, kMaxDims - 2, must, kTypeFraction});

  t[kOpConvForward] = {real(kConvFwdAlpha, must), real(kConvFwdBeta, must)};
  for (int a : {kConvFwdDesc, kConvFwdX, kConvFwdW, kConvFwdY})
    t[kOpConvForward].push_back(child(a, must));
  t[kOpConvData] = {real(kConvDataAlpha, must), real(kConvDataBeta, must)};
  for (int a : {kConvDataDesc, kConvDataW, kConvDataDx, kConvDataDy})
    t[kOpConvData].push_back(child(a, must));
  t[kOpConvFilter] = {real(kConvFilterAlpha, must), real(kConvFilterBeta, must)};
  for (int a : {kConvFilterDesc, kConvFilterDw, kConvFilterX, kConvFilterDy})
    t[kOpConvFilter].push_back(child(a, must));
  t[kOpPointwise] = {child(kOpPwDesc, must), real(kOpPwAlpha1, may), real(kOpPwAlpha2, may)};
  for (int a : {kOpPwX, kOpPwB, kOpPwY, kOpPwT, kOpPwDx, kOpPwDy})
    t[kOpPointwise].push_back(child(a, may));
  t[kOpGenStats] = {one(kGenStatsMode, kTypeGenstatsMode, must),
                    one(kGenStatsMathPrec, kTypeDataType, must), child(kGenStatsX, must),
                    child(kGenStatsSum, must), child(kGenStatsSqSum, must)};
  t[kOpReduction] = {child(kOpReductionDesc, must), child(kOpReductionX, must),
                     child(kOpReductionY, must)};
  t[kOpResampleForward] = {child(kResampleFwdDesc, must), child(kResampleFwdX, must),
                           child(kResampleFwdY, must),    child(kResampleFwdIndex, may),
                           real(kResampleFwdAlpha, may),  real(kResampleFwdBeta, may)};
  t[kOpResampleBackward] = {child(kResampleBwdDesc, must), child(kResampleBwdDx, must),
                            child(kResampleBwdDy, must),   child(kResampleBwdIndex, may),
                            child(kResampleBwdX, may),     child(kResampleBwdY, may),
                            real(kResampleBwdAlpha, may),  real(kResampleBwdBeta, may)};
  t[kOpNormForward] = {one(kNormFwdMode, kTypeNormMode, must),
                       one(kNormFwdPhase, kTypeNormPhase, must),
                       child(kNormFwdX, must),
                       child(kNormFwdY, must),
                       child(kNormFwdScale, must),
                       child(kNormFwdBias, must)};
  for (int a : {kNormFwdMean, kNormFwdInvVar, kNormFwdEpsilon, kNormFwdFactor, kNormFwdInMean,
                kNormFwdInVar, kNormFwdOutMean, kNormFwdOutVar})
    t[kOpNormForward].push_back(child(a, may));
  t[kOpNormBackward] = {one(kNormBwdMode, kTypeNormMode, must), child(kNormBwdEpsilon, may)};
  for (int a : {kNormBwdX, kNormBwdMean, kNormBwdInvVar, kNormBwdDy, kNormBwdScale, kNormBwdDscale,
                kNormBwdDbias, kNormBwdDx})
    t[kOpNormBackward].push_back(child(a, must));
  t[kOpBnFinalize] = {one(kBnFinMode, kTypeBnFinalizeMode, must),
                      one(kBnFinMathPrec, kTypeDataType, must)};
  for (int a : {kBnFinSum, kBnFinSqSum, kBnFinScale, kBnFinBias, kBnFinSavedMean, kBnFinSavedInvStd,
                kBnFinEqScale, kBnFinEqBias, kBnFinCount, kBnFinEpsilon})
    t[kOpBnFinalize].push_back(child(a, must));
  for (int a : {kBnFinPrevMean, kBnFinPrevVar, kBnFinNextMean, kBnFinNextVar, kBnFinFactor})
    t[kOpBnFinalize].push_back(child(a, may));
  t[kOpBnBwdWeights] = {one(kBnBwdMathPrec, kTypeDataType, must)};
  for (int a : {kBnBwdMean, kBnBwdInvStd, kBnBwdScale, kBnBwdX, kBnBwdDy, kBnBwdDscale, kBnBwdDbias,
                kBnBwdEqDyScale, kBnBwdEqXScale, kBnBwdEqBias})
    t[kOpBnBwdWeights].push_back(child(a, must));
  t[kOpReshape] = {child(kReshapeX, must), child(kReshapeY, must)};

  Field ops{kGraphOps, kTypeDescriptor, 1 << 16, must};
  ops.operationChildren = true;
  t[kOperationGraph] = {ops, one(kGraphHandle, kTypeHandle, may),
                        output(kGraphEngineCount, kTypeInt64)};
  t[kEngineHeuristic] = {child(kHeurGraph, must), one(kHeurMode, kTypeHeurMode, must),
                         child(kHeurDeviceProp, may), one(kHeurSmCount, kTypeInt32, may),
                         output(kHeurResults, kTypeDescriptor)};
  t[kEngine] = {child(kEngineGraph, must),
                one(kEngineIndex, kTypeInt64, must),
                child(kEngineDeviceProp, may),
                one(kEngineSmCount, kTypeInt32, may),
                output(kEngineNumericalNote, kTypeNumericalNote),
                output(kEngineBehaviorNote, kTypeBehaviorNote),
                output(kEngineKnobs, kTypeDescriptor),
                output(kEngineLayout, kTypeDescriptor)};
  t[kEngineConfig] = {child(kConfigEngine, must),
                      {kConfigKnobs, kTypeDescriptor, 64, may},
                      output(kConfigWorkspace, kTypeInt64)};
  t[kKnobChoice] = {one(kKnobChoiceType, kTypeKnobType, must),
                    one(kKnobChoiceValue, kTypeInt64, must)};
  t[kExecutionPlan] = {child(kPlanConfig, may),
                       one(kPlanHandle, kTypeHandle, may),
                       child(kPlanDeviceProp, may),
                       {kPlanJson, kTypeChar, 1 << 24, may},
                       output(kPlanWorkspace, kTypeInt64)};
  t[kVariantPack] = {{kPackUids, kTypeInt64, 1 << 16, must},
                     {kPackPointers, kTypeVoidPtr, 1 << 16, must},
                     one(kPackWorkspace, kTypeVoidPtr, may)};
  t[kDeviceProp] = {{kDevicePropJson, kTypeChar, 1 << 20, may},
                    one(kDevicePropId, kTypeInt32, may),
                    one(kDevicePropHandle, kTypeHandle, may)};
  return t;
}

const std::map<int, std::vector<Field>> &all() {
  static const auto t = table();
  return t;
}

}  // namespace

const std::vector<Field> &fields(int kind) {
  static const std::vector<Field> none;
  auto i = all().find(kind);
  return i == all().end() ? none : i->second;
}

const Field *field(int kind, int attr) {
  for (auto &f : fields(kind))
    if (f.attr == attr) return &f;
  return nullptr;
}

bool isOperation(int kind) {
  return (kind >= kOpConvForward && kind <= kOpGenStats) || kind == kOpBnFinalize ||
         kind == kOpReduction || kind == kOpBnBwdWeights || kind == kOpResampleForward ||
         kind == kOpResampleBackward || kind == kOpNormForward || kind == kOpNormBackward ||
         kind == kOpReshape;
}

}  // namespace dnn
