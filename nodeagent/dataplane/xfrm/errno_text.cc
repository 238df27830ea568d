#include "nodeagent/dataplane/xfrm/errno_text.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace espalier::dataplane::xfrm {

std::string errno_text(int number) {
  const char* name = strerrorname_np(number);
  const char* description = strerrordesc_np(number);
  if (name == nullptr || description == nullptr) return fmt::format("errno {}", number);
  return fmt::format("{} ({})", name, description);
}

Code code_of(int number) {
  switch (number) {
    case ESRCH:
    case ENOENT:
      return Code::kNotFound;
    case EEXIST:
      return Code::kExists;
    case EPERM:
    case EACCES:
      return Code::kDenied;
    case ENOMEM:
    case ENOBUFS:
    case EAGAIN:
    case EBUSY:
    case EINTR:
      return Code::kUnavailable;
    case ENOSYS:
    case EOPNOTSUPP:
    case EPROTONOSUPPORT:
    case EAFNOSUPPORT:
      return Code::kUnsupported;
    default:
      return Code::kKernel;
  }
}

}  // namespace espalier::dataplane::xfrm
