// Stand-in for a syntax check; see README.md.
#pragma once
struct SerialPort {
  void begin(unsigned long baud);
  explicit operator bool() const;
  void print(const char* text);
  void println(const char* text);
  void println(double value, int digits = 2);
};
extern SerialPort Serial;
unsigned long millis();
void delay(unsigned long ms);
