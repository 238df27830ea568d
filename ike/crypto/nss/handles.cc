#include "ike/crypto/nss/handles.h"

#include <prerror.h>

namespace espalier::ike::crypto::nss {

std::string nss_error() {
  return nss_error(PR_GetError());
}

std::string nss_error(PRErrorCode code) {
  const char* name = PR_ErrorToName(code);
  const char* text = PR_ErrorToString(code, PR_LANGUAGE_I_DEFAULT);
  std::string message = name ? name : "NSS error " + std::to_string(code);
  if (text && *text) message += " (" + std::string(text) + ")";
  return message;
}

tl::unexpected<Error> nss_failure(Code code, std::string where) {
  return fail(code, std::move(where), nss_error());
}

}  // namespace espalier::ike::crypto::nss
