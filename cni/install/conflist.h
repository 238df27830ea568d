// One network's conflist (CNI SPEC 1.1.0, section 1) with our entry in it, and without.
//
// Guarantees: every octet that is not our entry stays as it was: order, numbers, fields that nobody
// knows, white space; without_entry(with_entry(text)) is text. with_entry() puts the entry behind
// the network's plugins; one that is there already, with other words, is replaced where it stands,
// and further ones go. Pure; takes any octets. An error's `where` is the field
// ("plugins[1].type"): a conflist that no runtime could use, or whose version this plugin does not
// know, is left alone.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cni/network_config.h"

namespace espalier::cni {

inline constexpr std::string_view kPluginType = "espalier-cni";

// The object that stands in the conflist: {"type": "espalier-cni", "socket": …, …}.
[[nodiscard]] Json entry_of(const std::string& socket, std::chrono::seconds timeout,
                            const std::vector<std::string>& exempt_namespaces);

// kInvalid: no conflist, or no valid one; kUnsupported: its cniVersion is none of ours.
[[nodiscard]] Result<std::string> with_entry(std::string_view conflist, const Json& entry);

// As it is when our entry is not in it, or it is no conflist.
[[nodiscard]] std::string without_entry(std::string_view conflist);

[[nodiscard]] bool has_entry(std::string_view conflist);

// The conflist whose one plugin is that of `conf`, a configuration of one plugin (a file *.conf).
// kInvalid, kUnsupported: as above.
[[nodiscard]] Result<std::string> conflist_of(std::string_view conf);

}  // namespace espalier::cni
