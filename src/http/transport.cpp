#include "http/transport.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace wattle::http {
namespace {

constexpr size_t kInitialInputBytes = 4096;
constexpr size_t kKeptOutputBytes = 64 * 1024;

}  // namespace

// OpenSSL's view of a Transport: a BIO on its socket calls, so that readiness is known and SIGPIPE never
// raised.
struct TlsSocket {
  static Transport& transport(BIO* bio) { return *static_cast<Transport*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* into, size_t bytes, size_t* done) {
    const ssize_t count = transport(bio).receive(into, bytes);
    return finish(bio, count, done, &TlsSocket::retry_read);
  }
  static int write(BIO* bio, const char* from, size_t bytes, size_t* done) {
    const ssize_t count = transport(bio).transmit(from, bytes);
    return finish(bio, count, done, &TlsSocket::retry_write);
  }
  static long control(BIO* bio, int command, long, void*) {
    if (command == BIO_CTRL_FLUSH) return 1;
    if (command == BIO_CTRL_EOF) return transport(bio).at_end_;
    return 0;
  }
  static int create(BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
  }

  static void retry_read(BIO* bio) { BIO_set_retry_read(bio); }
  static void retry_write(BIO* bio) { BIO_set_retry_write(bio); }
  static int finish(BIO* bio, ssize_t count, size_t* done, void (*retry)(BIO*)) {
    BIO_clear_retry_flags(bio);
    *done = count > 0 ? static_cast<size_t>(count) : 0;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) retry(bio);
    return count > 0 ? 1 : 0;
  }
  // Made once and kept for the process, like OpenSSL's own methods.
  static BIO_METHOD* method() {
    static BIO_METHOD* made = [] {
      BIO_METHOD* fresh = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wattle transport");
      BIO_meth_set_read_ex(fresh, &TlsSocket::read);
      BIO_meth_set_write_ex(fresh, &TlsSocket::write);
      BIO_meth_set_ctrl(fresh, &TlsSocket::control);
      BIO_meth_set_create(fresh, &TlsSocket::create);
      return fresh;
    }();
    return made;
  }
};

Transport::Transport(async::Worker& worker, int descriptor, Owner& owner)
    : worker_(worker), owner_(&owner), descriptor_(descriptor) {}

Transport::~Transport() {
  close();
}

Result<void> Transport::open() {
  WATTLE_CHECK(worker_.poller().add(descriptor_, *this));
  watched_ = true;
  return {};
}

void Transport::close() {
  if (descriptor_ < 0) return;
  if (watched_) worker_.poller().remove(descriptor_, *this);
  ::close(descriptor_);
  descriptor_ = -1;
  watched_ = false;
  at_end_ = hung_up_ = true;
}

void Transport::on_events(uint32_t events) {
  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) readable_ = true;
  if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) writable_ = true;
  if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) hung_up_ = true;
  if (events & (EPOLLHUP | EPOLLERR)) broken_ = true;
  owner_->on_transport_event();
}

void Transport::use_tls(TlsSession session) {
  tls_ = std::move(session);
  BIO* bio = BIO_new(TlsSocket::method());
  BIO_set_data(bio, this);
  SSL_set_bio(tls_.get(), bio, bio);
}

Transport::Progress Transport::handshake() {
  if (error_) return Progress::failed;
  ERR_clear_error();
  const int result = SSL_do_handshake(tls_.get());
  if (result == 1) return Progress::done;
  return fail_tls(result, "the TLS handshake failed");
}

ssize_t Transport::receive(char* into, size_t bytes) {
  if (!readable_) {
    errno = EAGAIN;
    return -1;
  }
  ssize_t count;
  do {
    count = ::recv(descriptor_, into, bytes, 0);
  } while (count < 0 && errno == EINTR);
  // A short read has emptied the socket: the next bytes, or the peer's end, raise a new edge.
  if (count < 0 || (static_cast<size_t>(count) < bytes && !hung_up_)) readable_ = false;
  if (count == 0) {
    readable_ = true;
    at_end_ = hung_up_ = true;
  }
  return count;
}

ssize_t Transport::transmit(const char* from, size_t bytes) {
  if (!writable_) {
    errno = EAGAIN;
    return -1;
  }
  ssize_t count;
  do {
    count = ::send(descriptor_, from, bytes, MSG_NOSIGNAL);
  } while (count < 0 && errno == EINTR);
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) writable_ = false;
  return count;
}

void Transport::make_space(size_t bytes) {
  if (input_begin_ == input_end_) input_begin_ = input_end_ = 0;
  if (input_.size() - input_end_ >= bytes) return;
  if (input_begin_ > 0) {
    std::memmove(input_.data(), input_.data() + input_begin_, input_end_ - input_begin_);
    input_end_ -= input_begin_;
    input_begin_ = 0;
  }
  if (input_.size() - input_end_ < bytes)
    input_.resize(std::max({kInitialInputBytes, input_end_ + bytes, 2 * input_end_}));
}

Transport::Progress Transport::fill(size_t max_bytes) {
  if (error_) return Progress::failed;
  if (descriptor_ < 0 || at_end_) return Progress::waiting;
  if (tls_) return fill_tls(max_bytes);
  if (!readable_) return Progress::waiting;
  // A small buffer for small messages; as soon as one fills it, a large one.
  const size_t held = input_end_ - input_begin_;
  const size_t wanted = input_.size() <= kInitialInputBytes && held == 0 ? kInitialInputBytes : max_bytes;
  make_space(std::min(wanted, max_bytes));
  const size_t space = std::min(input_.size() - input_end_, max_bytes);
  const ssize_t count = receive(input_.data() + input_end_, space);
  if (count > 0) {
    input_end_ += static_cast<size_t>(count);
    if (static_cast<size_t>(count) == space && input_.size() <= kInitialInputBytes) make_space(max_bytes);
    return Progress::done;
  }
  if (count == 0 || errno == EAGAIN || errno == EWOULDBLOCK) return Progress::waiting;
  return fail(errno, "reading from the connection failed");
}

Transport::Progress Transport::fill_tls(size_t max_bytes) {
  if (!readable_ && SSL_pending(tls_.get()) == 0 && SSL_has_pending(tls_.get()) == 0)
    return Progress::waiting;
  make_space(std::min<size_t>(max_bytes, 16 * 1024));
  size_t count = 0;
  ERR_clear_error();
  const int result = SSL_read_ex(tls_.get(), input_.data() + input_end_,
                                 std::min(input_.size() - input_end_, max_bytes), &count);
  if (result == 1) {
    input_end_ += count;
    return Progress::done;
  }
  if (SSL_get_error(tls_.get(), result) == SSL_ERROR_ZERO_RETURN) {
    at_end_ = hung_up_ = true;
    return Progress::waiting;
  }
  return fail_tls(result, "reading from the TLS connection failed");
}

size_t Transport::pending_bytes() const {
  int unread = 0;
  if (descriptor_ < 0 || ::ioctl(descriptor_, FIONREAD, &unread) != 0) unread = 0;
  return input_end_ - input_begin_ + static_cast<size_t>(unread);
}

void Transport::consume(size_t bytes) {
  input_begin_ += bytes;
  if (input_begin_ == input_end_) input_begin_ = input_end_ = 0;
}

void Transport::shrink() {
  if (input_.size() > kInitialInputBytes && input_begin_ == input_end_) {
    input_begin_ = input_end_ = 0;
    std::vector<char>().swap(input_);
  }
  if (output_.capacity() > kInitialInputBytes && queued() == 0) {
    std::string().swap(output_);
    output_begin_ = 0;
  }
}

Transport::Progress Transport::flush() {
  if (error_) return Progress::failed;
  if (descriptor_ < 0) return fail(EPIPE, "writing to the connection failed");
  if (tls_) return flush_tls();
  while (output_begin_ < output_.size()) {
    const ssize_t count = transmit(output_.data() + output_begin_, output_.size() - output_begin_);
    if (count < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) return Progress::waiting;
      return fail(errno, "writing to the connection failed");
    }
    output_begin_ += static_cast<size_t>(count);
    sent_bytes_ += static_cast<uint64_t>(count);
  }
  output_.clear();
  output_begin_ = 0;
  if (output_.capacity() > 4 * kKeptOutputBytes) output_.shrink_to_fit();
  return Progress::done;
}

Transport::Progress Transport::flush_tls() {
  while (output_begin_ < output_.size()) {
    size_t count = 0;
    ERR_clear_error();
    const int result =
        SSL_write_ex(tls_.get(), output_.data() + output_begin_, output_.size() - output_begin_, &count);
    if (result != 1) return fail_tls(result, "writing to the TLS connection failed");
    output_begin_ += count;
    sent_bytes_ += count;
  }
  output_.clear();
  output_begin_ = 0;
  return Progress::done;
}

Transport::Progress Transport::send(std::string_view text) {
  if (queued() == 0 && !tls_ && !error_ && descriptor_ >= 0 && writable_) {
    const ssize_t count = transmit(text.data(), text.size());
    if (count > 0) {
      text.remove_prefix(static_cast<size_t>(count));
      sent_bytes_ += static_cast<uint64_t>(count);
    }
    if (text.empty()) return Progress::done;
  }
  output_.append(text);
  return flush();
}

Transport::Progress Transport::fail(int error_number, std::string_view doing) {
  if (!error_) error_ = connection_error(error_number, doing);
  hung_up_ = at_end_ = true;
  return Progress::failed;
}

Transport::Progress Transport::fail_tls(int result, std::string_view doing) {
  const int saved_errno = errno;
  switch (SSL_get_error(tls_.get(), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return Progress::waiting;
    case SSL_ERROR_SYSCALL:
      if (saved_errno != 0 && !at_end_) return fail(saved_errno, doing);
      error_ = http_error(ErrorCase::connection_terminated,
                          fmt::format("{}: the peer closed the connection", doing));
      break;
    default: {
      const bool certificate = SSL_get_verify_result(tls_.get()) != X509_V_OK;
      const unsigned long code = ERR_peek_error();
      const bool alert = ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) >= SSL_AD_REASON_OFFSET;
      const bool ended =
          ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
      std::string why = take_tls_errors();
      if (certificate)
        why += fmt::format(" ({})", X509_verify_cert_error_string(SSL_get_verify_result(tls_.get())));
      error_ = http_error(certificate ? ErrorCase::tls_certificate_error
                          : alert     ? ErrorCase::tls_alert_received
                          : ended     ? ErrorCase::connection_terminated
                                      : ErrorCase::tls_protocol_error,
                          fmt::format("{}: {}", doing, why));
    }
  }
  hung_up_ = at_end_ = true;
  return Progress::failed;
}

void Transport::shut_down_sending() {
  if (descriptor_ < 0) return;
  if (tls_ && !error_) {
    ERR_clear_error();
    SSL_shutdown(tls_.get());
  }
  ::shutdown(descriptor_, SHUT_WR);
}

}  // namespace wattle::http
