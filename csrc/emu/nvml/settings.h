// The readings of the stand-in libnvidia-ml.so.1, as a test sets them. SHAKE_EMU_NVML holds
// settings key=value, separated by semicolons or line ends, or "@FILE". In the second case the file
// holds them and is read again at every call, so that a test can change them under a running
// program. A key may have a card's number in front ("1.power=300"). The last setting of a key
// counts, and a setting with a number goes before one without.
//
//   init=WORD            the result of nvmlInit: ok, or a failure
//   cards=2  driver=580.82.07  cuda=13000
//   name  memory (total)  reserved  used            bytes, or 80G, 512M
//   gpu  busy            utilisation of the card and of its memory, per cent
//   power  limit         W;  energy: J since the driver was loaded (unset: the power, integrated)
//   temperature  sm  mem                            degrees Celsius, MHz
//   throttle=WORD,...  idle, application, power-cap, hardware, sync, heat, hardware-heat, brake,
//                      display
//   sent  received       bytes a second over PCIe
//   link-sent  link-received   bytes so far over NVLink
//   fan                  per cent
//   processes=PID:BYTES,...                         PID may be self or parent
//   mig=N                N MIG instances (0: MIG is off)
//   lost=N               the card is lost after N readings of its memory
//   delay=N              every reading of the memory takes N ms
//   fail.FIELD=WORD      readings of FIELD fail; FIELD is one of memory utilization power limit
//                        energy temperature clocks throttle pcie fields nvlink fan processes mig
//                        name
//
// A failure is a number of nvmlReturn_t or one of no-driver, no-permission, not-supported,
// mismatch, timeout, lost, unknown, absent. A number may be MEAN~AMPLITUDE/PERIOD and then swings
// with the time.
#pragma once

#include <string>

namespace settings {

// text returns the setting of a key for a card (-1: of none), or otherwise.
std::string text(int card, const std::string &key, const std::string &otherwise);

// number is text as a number.
double number(int card, const std::string &key, double otherwise);

// failure is text as a return code; 0 (success) if it is not set.
int failure(int card, const std::string &key);

}  // namespace settings
