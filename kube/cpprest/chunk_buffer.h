// ChunkBuffer: the writing end that cpprest puts a response's body into, chunk by chunk.
//
// Guarantees: a write completes when the taker asks for more, so cpprest reads no further from the
// socket: that is the back-pressure. Nothing is handed on before open() was called, and nothing
// after shut().
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <cpprest/astreambuf.h>

namespace espalier::kube {

class ChunkBuffer : public concurrency::streams::details::streambuf_state_manager<std::uint8_t> {
 public:
  using Take = std::function<void(std::string bytes, std::function<void()> more)>;

  explicit ChunkBuffer(Take take)
      : streambuf_state_manager(std::ios_base::out), take_(std::move(take)) {}

  // The head was told: chunks may follow.
  void open();
  // Lets a write that is under way complete, and drops what still comes.
  void shut();

 protected:
  pplx::task<std::size_t> _putn(const std::uint8_t* bytes, std::size_t count) override;
  pplx::task<int_type> _putc(std::uint8_t byte) override;

  // The reading end is not there.
  [[nodiscard]] bool can_seek() const override { return false; }
  [[nodiscard]] bool has_size() const override { return false; }
  [[nodiscard]] std::size_t buffer_size(std::ios_base::openmode) const override { return 0; }
  void set_buffer_size(std::size_t, std::ios_base::openmode) override {}
  [[nodiscard]] std::size_t in_avail() const override { return 0; }
  [[nodiscard]] pos_type getpos(std::ios_base::openmode) const override { return traits::eof(); }
  pos_type seekpos(pos_type, std::ios_base::openmode) override { return traits::eof(); }
  pos_type seekoff(off_type, std::ios_base::seekdir, std::ios_base::openmode) override {
    return traits::eof();
  }
  bool acquire(std::uint8_t*&, std::size_t&) override { return false; }
  void release(std::uint8_t*, std::size_t) override {}
  std::uint8_t* _alloc(std::size_t) override { return nullptr; }
  void _commit(std::size_t) override {}
  pplx::task<int_type> _bumpc() override { return pplx::task_from_result<int_type>(traits::eof()); }
  int_type _sbumpc() override { return traits::eof(); }
  pplx::task<int_type> _getc() override { return pplx::task_from_result<int_type>(traits::eof()); }
  int_type _sgetc() override { return traits::eof(); }
  pplx::task<int_type> _nextc() override { return pplx::task_from_result<int_type>(traits::eof()); }
  pplx::task<int_type> _ungetc() override {
    return pplx::task_from_result<int_type>(traits::eof());
  }
  pplx::task<std::size_t> _getn(std::uint8_t*, std::size_t) override {
    return pplx::task_from_result<std::size_t>(0);
  }
  std::size_t _scopy(std::uint8_t*, std::size_t) override { return 0; }
  pplx::task<bool> _sync() override { return pplx::task_from_result(true); }

 private:
  struct Pending {
    std::string bytes;
    std::shared_ptr<pplx::task_completion_event<std::size_t>> written;
  };
  void hand_on(Pending pending);

  std::mutex mutex_;
  Take take_;
  bool open_ = false;
  bool shut_ = false;
  std::optional<Pending> held_;  // came before open()
  std::shared_ptr<pplx::task_completion_event<std::size_t>> under_way_;
  std::size_t under_way_size_ = 0;
};

}  // namespace espalier::kube
