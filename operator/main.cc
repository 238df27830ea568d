#include <iostream>

#include "operator/commands.h"

int main(int argc, char** argv) {
  return espalier::operator_cli::run_command_line(argc, argv, std::cout, std::cerr);
}
