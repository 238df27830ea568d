#include "kube/json_request.h"

#include <utility>

namespace espalier::kube {

Request json_request(Method method, std::string path, const Json& body, std::string_view type) {
  Request request;
  request.method = method;
  request.path = std::move(path);
  request.headers = {{"Content-Type", std::string(type)}};
  // Text that is no UTF-8 never came from the API server; it must not throw here.
  request.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  return request;
}

}  // namespace espalier::kube
