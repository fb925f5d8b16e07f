// Stand-in for a syntax check; see README.md.
#pragma once
void MicroPrintf(const char* format, ...) __attribute__((format(printf, 1, 2)));
