// ScriptedServer: a server on loopback that does to its clients what the test says, byte by byte.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace espalier::kube {

class ScriptedServer {
 public:
  class Connection {
   public:
    explicit Connection(int socket) : socket_(socket) {}
    // Head and body (by Content-Length) of the next request; empty when the client went away.
    std::string read_request();
    void write(std::string_view bytes);
    // In one chunk of HTTP's chunked coding.
    void write_chunk(std::string_view bytes);
    // Writes until the socket takes no more for 300 ms, at most `most` bytes; how many it took.
    std::size_t flood(std::size_t most);
    // Blocks until the client closes.
    void wait_for_close();
    // The end of the script will be a reset.
    void reset();

   private:
    int socket_;
    std::string unread_;
  };
  // One connection from its beginning to its end, on a thread of its own.
  using Script = std::function<void(Connection&)>;

  explicit ScriptedServer(Script script, bool ipv6 = false);
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  ~ScriptedServer();

  [[nodiscard]] std::string url() const;

 private:
  void accept_all();

  Script script_;
  bool ipv6_;
  int listener_;
  std::mutex mutex_;
  std::vector<int> sockets_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

// "HTTP/1.1 200 OK" with this body.
[[nodiscard]] std::string http_answer(int status, std::string_view body,
                                      std::string_view more_headers = {});
// The head of a chunked answer.
[[nodiscard]] std::string chunked_head(int status = 200);

}  // namespace espalier::kube
