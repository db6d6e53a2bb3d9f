#include "host/revision.h"

#include <algorithm>

#include "bindings/key_value.h"
#include "bindings/messaging.h"
#include "bindings/stream_handles.h"
#include "host/data_worker.h"
#include "http/client.h"
#include "lattice/names.h"
#include "telemetry/log.h"
#include "wasi/stdio.h"
#include "wit/wave.h"
#include "wrpc/call_codec.h"
#include "wrpc/error.h"

namespace wattle::host {
namespace {

// Of the functions that callers name: more different names than this are looked up each time.
constexpr size_t kMostKnownFunctions = 256;
constexpr uint32_t kReplacedAhead = 2;

uint32_t share(uint32_t total, uint32_t workers) {
  return std::max(1u, (total + workers - 1) / workers);
}

runtime::PoolOptions pool_options(const Revision::Parts& parts, uint32_t max_instances, uint32_t max_queue,
                                  wasi::Context& context, Caller& caller, ComponentResolver& resolver) {
  runtime::PoolOptions options;
  options.max_instances = max_instances;
  options.max_queue = max_queue;
  options.pristine = parts.spec.pristine;
  options.instantiate_limits.cpu_time = parts.spec.limits.cpu_time;
  options.before_call = [](runtime::Host& host) { bindings::invocation_of(host).forget_link_names(); };
  options.prepare_host = [&context, &caller, &resolver](runtime::Host& host) {
    host.attach(context);
    host.attach(caller);
    host.own<bindings::Invocation>(resolver);
  };
  options.spare_stores = &parts.spare_stores;
  options.replaced_ahead = kReplacedAhead;
  return options;
}

constexpr uint16_t kServerErrors = 500;  // and above

void show_arguments(Sighting& sighting, const wit::FunctionType& type, const wit::Values& arguments) {
  std::string text = "(";
  for (size_t index = 0; index < arguments.size() && index < type.parameters.size(); ++index) {
    if (text.size() > SpyGlass::kTextBytesMax) break;
    text += fmt::format(
        "{}{}", index == 0 ? "" : ", ",
        wit::to_short_wave(type.parameters[index].type, arguments[index], SpyGlass::kTextBytesMax));
  }
  sighting.arguments(text + ")");
}

void show_result(Sighting& sighting, const wit::FunctionType& type,
                 const Result<std::optional<wit::Value>>& result) {
  if (!result) return sighting.error(result.error().full_message());
  if (*result) sighting.result(wit::to_short_wave(type.result, **result, SpyGlass::kTextBytesMax));
}

}  // namespace

bool is_own_failure(const Error& error) {
  switch (error.code()) {
    case ErrorCode::exit:
    case ErrorCode::deadline_exceeded:
    case ErrorCode::cpu_time_exceeded:
    case ErrorCode::memory_exceeded:
      return true;
    case ErrorCode::trap: {
      // Below it is what another component or a provider failed with, where that ended the guest.
      const Error* below = &error;
      while (below != nullptr && below->code() == ErrorCode::trap) below = below->cause();
      return below == nullptr;
    }
    default:
      return false;
  }
}

Revision::Revision(DataWorker& worker, const Parts& parts)
    : id_(parts.spec.id),
      linked_(parts.linked),
      counters_(parts.counters),
      limits_(parts.spec.limits),
      max_instances_(share(parts.spec.max_instances, parts.workers)),
      max_queue_(parts.spec.max_queue == 0 ? 0 : share(parts.spec.max_queue, parts.workers)),
      caller_{id_, worker},
      resolver_(id_, parts.spec.config, worker),
      context_(parts.blocking) {
  if (linked_ == nullptr) {
    parked_ = std::make_unique<ParkedCalls>(
        id_, std::max(1u, max_queue_),
        [&on_called = parts.on_parked_called, key = RevisionKey{parts.spec.id, parts.spec.digest}] {
          on_called(key);
        });
    return;
  }
  pool_.emplace(async::Fiber::current().worker(), linked_,
                pool_options(parts, max_instances_, max_queue_, context_, caller_, resolver_));
  context_.client = &parts.http_client;
  if (!parts.grants) context_.http_link = bindings::outgoing_http_link;
  context_.stdio = wasi::inherit_stdio(parts.blocking);
  context_.stdio.input = wasi::empty_source();
}

Revision::~Revision() = default;

Result<std::shared_ptr<Revision>> Revision::create(DataWorker& worker, const Parts& parts) {
  std::shared_ptr<Revision> revision(new Revision(worker, parts));
  if (revision->is_parked()) return revision;
  if (parts.grants) WATTLE_CHECK(parts.grants(revision->context_));
  wasi::IncomingHandlerOptions options;
  options.timeout = parts.spec.limits.max_execution_time;
  options.cpu_time = parts.spec.limits.cpu_time;
  options.on_failure = [&log = parts.log, id = parts.spec.id](const http::Request& request,
                                                              const Error& error) {
    log.error("request failed", {{"component", id},
                                 {"method", request.method},
                                 {"path", request.path_with_query},
                                 {"code", to_string(error.code())},
                                 {"error", error.full_message()}});
  };
  // Most components serve no HTTP.
  if (auto handler = wasi::IncomingHandler::create(*revision->pool_, *revision->linked_, std::move(options)))
    revision->http_ = std::move(*handler);
  return revision;
}

bool Revision::is_crowded() const {
  if (is_parked()) return parked_->refuses();
  const auto counts = pool_->counts();
  return counts.queued > 0 && counts.busy >= max_instances_;
}

bool Revision::is_full() const {
  if (is_parked()) return parked_->refuses();
  const auto counts = pool_->counts();
  return counts.busy >= max_instances_ && counts.queued >= max_queue_;
}

Result<void> Revision::wait_while_parked() {
  const async::DeadlineScope deadline(call_limits().deadline);
  // A call that waits is in flight, but has not ended when this has.
  InFlight::add(counters_->in_flight, 1u);
  auto waited = parked_->wait();
  InFlight::add(counters_->in_flight, ~0u);
  return waited;
}

Result<void> Revision::warm_up() {
  WATTLE_TRY(auto lease, pool_->acquire());
  return {};
}

engine::CallLimits Revision::call_limits() const {
  engine::CallLimits limits;
  limits.deadline = std::min(Clock::now() + limits_.max_execution_time, async::Fiber::current().deadline());
  limits.cpu_time = limits_.cpu_time;
  return limits;
}

void Revision::handle_http(http::Exchange& exchange) {
  InFlight in_flight(*this);
  const wasi::Handled handled = http_->handle(exchange);
  const bool answers_error = handled.status && *handled.status >= kServerErrors;
  if (answers_error || (handled.error && is_own_failure(*handled.error))) in_flight.has_failed();
}

Result<tl::expected<void, std::string>> Revision::handle_message(const capability::BrokerMessage& message) {
  WATTLE_TRY(const auto handler, bindings::find_message_handler(*linked_));
  InFlight in_flight(*this);
  const engine::CallLimits limits = call_limits();
  async::DeadlineScope deadline(limits.deadline);
  auto lease = pool_->acquire();
  in_flight.watch(lease);
  if (!lease) return failure(std::move(lease).error());
  auto handled = bindings::call_message_handler(**lease, *handler, limits, message);
  in_flight.watch(handled);
  return handled;
}

Result<void> Revision::tell_watcher(const KeyChange& change) {
  constexpr std::string_view kLinkName = "default";
  WATTLE_TRY(const auto watcher, bindings::find_watcher(*linked_));
  InFlight in_flight(*this);
  const engine::CallLimits limits = call_limits();
  async::DeadlineScope deadline(limits.deadline);
  auto lease = pool_->acquire();
  in_flight.watch(lease);
  if (!lease) return failure(std::move(lease).error());
  auto told = change.value
                  ? bindings::call_on_set(**lease, watcher, limits, kLinkName, change.bucket, change.key,
                                          *change.value)
                  : bindings::call_on_delete(**lease, watcher, limits, kLinkName, change.bucket, change.key);
  in_flight.watch(told);
  return told;
}

Result<const runtime::ExportedFunction*> Revision::find_function(std::string_view interface,
                                                                 std::string_view name) {
  for (const KnownFunction& known : known_functions_)
    if (known.name == name && known.interface == interface) return known.function.get();
  WATTLE_TRY(auto function, linked_->find_function(interface, name));
  if (known_functions_.size() >= kMostKnownFunctions) known_functions_.erase(known_functions_.begin());
  known_functions_.push_back({std::string(interface), std::string(name), std::move(function)});
  return known_functions_.back().function.get();
}

Result<Revision::Operation> Revision::operation_of(
    std::shared_ptr<const runtime::ExportedFunction> function) const {
  WATTLE_TRY(auto type, linked_->type_of(*function));
  const wit::FunctionLayout layout = wit::layout_of(*type);
  const bool passes_handles =
      layout.parameters->has_handles || (layout.result != nullptr && layout.result->has_handles);
  return Operation{std::move(function), std::move(type), passes_handles};
}

Result<Revision::Operation> Revision::find_operation(std::string_view operation) {
  if (operations_.empty()) {
    for (const auto& function : linked_->functions()) {
      const auto name = lattice::wire_function(function->name);
      WATTLE_TRY(auto known, operation_of(function));
      operations_.emplace(
          function->interface.empty() ? std::string(name) : fmt::format("{}.{}", function->interface, name),
          std::move(known));
    }
  }
  if (const auto found = operations_.find(operation); found != operations_.end()) return found->second;
  // Another version of one track.
  const auto parts = lattice::split_operation(operation);
  WATTLE_TRY(auto function, linked_->find_function(parts.instance, parts.function));
  return operation_of(std::move(function));
}

Result<wrpc::Reply> Revision::answer(wrpc::IncomingCall& incoming) {
  auto operation = find_operation(incoming.operation);
  if (!operation) return failure(wrpc::refused(std::move(operation).error()));
  InFlight in_flight(*this);
  const engine::CallLimits limits = call_limits();
  async::DeadlineScope deadline(limits.deadline);
  const auto sighting =
      caller_.worker.spy_glass().look(incoming.source_id, id_, incoming.instance, incoming.function);
  if (operation->passes_handles) {
    auto reply = answer_with_streams(incoming, *operation, limits, in_flight);
    if (sighting != nullptr && !reply) sighting->error(reply.error().full_message());
    return reply;
  }
  const auto arguments = wrpc::parameter_values(incoming, *operation->type);
  if (!arguments) {
    if (sighting != nullptr) sighting->error(arguments.error().full_message());
    return failure(arguments.error());
  }
  if (sighting != nullptr) show_arguments(*sighting, *operation->type, *arguments);
  const auto result = call(*operation->function, *arguments, limits);
  in_flight.watch(result);
  if (sighting != nullptr) show_result(*sighting, *operation->type, result);
  if (!result) return failure(result.error());
  return wrpc::reply_values(*operation->type, *result);
}

// Handles are one instance's: it is taken before they arrive, and kept until its own are on their way.
Result<wrpc::Reply> Revision::answer_with_streams(wrpc::IncomingCall& incoming, const Operation& operation,
                                                  const engine::CallLimits& limits, InFlight& in_flight) {
  auto lease = pool_->acquire();
  in_flight.watch(lease);
  if (!lease) return failure(wrpc::refused(std::move(lease).error()));
  runtime::Instance& instance = **lease;
  bindings::StreamHandles handles(instance.host().resources, [&instance](wit::ResourceId resource) {
    return instance.resource_type(resource);
  });
  WATTLE_TRY(const wit::Values arguments, wrpc::parameter_values(incoming, *operation.type, &handles));
  const auto result = instance.call(*operation.function, arguments, limits);
  in_flight.watch(result);
  if (!result) return failure(result.error());
  return wrpc::reply_values(*operation.type, *result, &handles);
}

// The instance goes back before the answer goes out.
Result<std::optional<wit::Value>> Revision::call(const runtime::ExportedFunction& function,
                                                 const wit::Values& arguments,
                                                 const engine::CallLimits& limits) {
  auto lease = pool_->acquire();
  if (!lease) return failure(wrpc::refused(std::move(lease).error()));
  return (*lease)->call(function, arguments, limits);
}

Result<void> Revision::run(runtime::ImportCall& call) {
  WATTLE_TRY(const auto* function, find_function(call.import().interface, call.import().name));
  InFlight in_flight(*this);
  const engine::CallLimits limits = call_limits();
  async::DeadlineScope deadline(limits.deadline);
  auto ran = caller_.worker.spy_glass().idle() ? call.run_in(*pool_, *function, limits)
                                               : run_seen(call, *function, limits);
  if (!ran && !call.caller_failed() && is_own_failure(ran.error())) in_flight.has_failed();
  return ran;
}

Result<void> Revision::run_seen(runtime::ImportCall& call, const runtime::ExportedFunction& function,
                                const engine::CallLimits& limits) {
  const auto& import = call.import();
  const auto sighting = caller_.worker.spy_glass().look(call.host().state<Caller>().component_id, id_,
                                                        import.interface, import.name);
  const bool has_text = sighting != nullptr && !call.passes_handles();
  if (has_text) {
    if (const auto arguments = call.seen_arguments())
      show_arguments(*sighting, call.type(), *arguments);
    else
      sighting->arguments("(<not what its type says>)");
  }
  auto ran = call.run_in(*pool_, function, limits);
  if (sighting != nullptr && !ran) sighting->error(ran.error().full_message());
  if (has_text && ran) show_result(*sighting, call.type(), call.seen_result());
  return ran;
}

}  // namespace wattle::host
