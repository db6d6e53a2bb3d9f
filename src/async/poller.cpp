#include "async/poller.h"

#include <cerrno>
#include <cstring>

namespace wattle::async {

Poller::Poller(Worker& worker)
    : worker_(worker), epoll_(worker.io().get_executor(), ::epoll_create1(EPOLL_CLOEXEC)) {}

Poller::~Poller() = default;

Result<void> Poller::add(int descriptor, Watcher& watcher) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &watcher;
  if (::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_ADD, descriptor, &event) != 0)
    return failure(ErrorCode::io, "cannot watch a descriptor: {}", std::strerror(errno));
  ++watched_;
  arm();
  return {};
}

void Poller::remove(int descriptor, Watcher& watcher) {
  ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_DEL, descriptor, nullptr);
  --watched_;
  for (size_t index = batch_next_; index < batch_end_; ++index)
    if (batch_[index].data.ptr == &watcher) batch_[index].data.ptr = nullptr;
}

void Poller::arm() {
  if (armed_ || watched_ == 0 || worker_.live_fibers() == 0) return;
  armed_ = true;
  epoll_.async_wait(boost::asio::posix::descriptor_base::wait_read, [this](boost::system::error_code error) {
    armed_ = false;
    if (!error) dispatch();
    arm();
  });
}

void Poller::pause() {
  if (armed_) epoll_.cancel();
}

void Poller::dispatch() {
  int count = ::epoll_wait(epoll_.native_handle(), batch_.data(), static_cast<int>(batch_.size()), 0);
  batch_end_ = count > 0 ? static_cast<size_t>(count) : 0;
  for (batch_next_ = 0; batch_next_ < batch_end_;) {
    auto& event = batch_[batch_next_++];
    if (event.data.ptr != nullptr) static_cast<Watcher*>(event.data.ptr)->on_events(event.events);
  }
  batch_next_ = batch_end_ = 0;
}

}  // namespace wattle::async
