// Stand-in for a syntax check; see README.md.
#pragma once
#include "tensorflow/lite/core/c/common.h"
namespace tflite {
class MicroOpResolver {
 public:
  virtual ~MicroOpResolver() {}
};
}  // namespace tflite
