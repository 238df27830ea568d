#include "tests/e2e/dataplane/covered_pair.h"

#include <gtest/gtest.h>

namespace espalier::dataplane::lab {

EspKeys keys_for(const EspAlgorithm& algorithm, std::uint8_t fill) {
  EspKeys keys{SecretBytes(algorithm.encryption_key_size()),
               SecretBytes(algorithm.integrity_key_size())};
  for (auto* key : {&keys.encryption, &keys.integrity}) {
    std::uint8_t next = fill;
    for (auto& octet : key->writable()) octet = next++;
  }
  return keys;
}

IpAddress end_address(const Cover& cover, int node) {
  return cover.mode == Mode::kTunnel ? TwoNodes::pod_address(cover.family, node)
                                     : TwoNodes::node_address(cover.family, node);
}

Sa sa_of(const Cover& cover, int from, Direction direction) {
  Sa sa;
  sa.source = TwoNodes::node_address(cover.family, from);
  sa.destination = TwoNodes::node_address(cover.family, 3 - from);
  sa.spi = from == 1 ? kFromA : kFromB;
  sa.reqid = kReqid;
  sa.mode = cover.mode;
  sa.direction = direction;
  sa.algorithm = cover.algorithm;
  sa.esn = cover.esn;
  if (direction == Direction::kIn) sa.replay_window = cover.esn ? kReplayWindowMax : 32;
  sa.encapsulation = cover.encapsulation;
  return sa;
}

std::vector<Step> policies_of(const Cover& cover, int node) {
  Policy out;
  out.selector = {Prefix::host(end_address(cover, node)),
                  Prefix::host(end_address(cover, 3 - node)), 17};
  out.priority = 100;
  out.direction = Direction::kOut;
  out.transform = Template{TwoNodes::node_address(cover.family, node),
                           TwoNodes::node_address(cover.family, 3 - node), cover.mode, kReqid};
  Policy in = out;
  in.selector = out.selector.reversed();
  in.direction = Direction::kIn;
  in.transform = Template{out.transform->destination, out.transform->source, cover.mode, kReqid};
  Policy across = in;
  across.direction = Direction::kForward;
  std::vector<Step> steps;
  for (const auto& policy : {out, in, across}) steps.emplace_back(SetPolicy{policy});
  return steps;
}

void carry_out(Node& node, std::span<const Step> steps) {
  for (const auto& status : node.kernel->apply(steps)) {
    EXPECT_TRUE(status) << status.error().to_string();
  }
}

void carry_out(Node& node, const Step& step) {
  carry_out(node, std::span<const Step>(&step, 1));
}

void require_esp(TwoNodes& nodes, const Cover& cover) {
  carry_out(nodes.a, policies_of(cover, 1));
  carry_out(nodes.b, policies_of(cover, 2));
}

void install_sas(TwoNodes& nodes, const Cover& cover) {
  const auto install = [&](Node& node, int from, Direction direction) {
    carry_out(node, AddSa{sa_of(cover, from, direction),
                          keys_for(cover.algorithm, static_cast<std::uint8_t>(from))});
  };
  install(nodes.a, 2, Direction::kIn);
  install(nodes.b, 1, Direction::kIn);
  install(nodes.a, 1, Direction::kOut);
  install(nodes.b, 2, Direction::kOut);
}

void delete_sas(TwoNodes& nodes, const Cover& cover) {
  for (auto* node : {&nodes.a, &nodes.b}) {
    for (const int from : {1, 2}) {
      carry_out(*node, DeleteSa{id_of(sa_of(cover, from, Direction::kIn))});
    }
  }
}

}  // namespace espalier::dataplane::lab
