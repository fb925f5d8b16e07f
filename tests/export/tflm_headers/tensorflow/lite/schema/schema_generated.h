// Stand-in for a syntax check; see README.md.
#pragma once
#include <cstdint>
namespace tflite {
struct Model {
  uint32_t version() const;
};
const Model* GetModel(const void* buf);
}  // namespace tflite
