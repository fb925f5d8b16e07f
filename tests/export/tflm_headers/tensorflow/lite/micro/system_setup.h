// Stand-in for a syntax check; see README.md.
#pragma once
namespace tflite {
void InitializeTarget();
}
