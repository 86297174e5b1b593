/* trace/stack.c - from the calling thread's stack to a site.
 *
 * Four ways, by what the process is and what was asked:
 *
 *     a place in C source   the call's macro has left it: no stack at all
 *     Python, one frame     code object and position are looked up in the thread's cache
 *     Python, more          the frames of the last time are kept: only those above the first that is the same are new
 *     native                the same, by ouro__unwind; and mixed: native frames, where each evaluation loop is replaced by its Python frames
 *
 * A node is a frame and its caller's node, so a stack is known by one number. A stack of more frames than wanted begins in its middle: there
 * the kept nodes help only while that beginning stays the same. */
#include <string.h>

#include "trace/tracer.h"

/* ---------------------------------------------------------------- the thread's caches */

static void forget_when_void(ouro__trace_thread *thread) {
  uint32_t version = ouro__load_relaxed(&ouro__tracing.version);
  if (OURO_LIKELY(thread->version == version)) return;
  bool wrapped = thread->version / OURO_CACHE_VERSIONS != version / OURO_CACHE_VERSIONS; /* tags have begun anew */
  thread->version = version;
  thread->py_depth = 0;
  memset(thread->py, 0, sizeof thread->py);
  memset(thread->last, 0, sizeof thread->last);
  thread->native_known = 0;
  if (wrapped) memset(thread->sites, 0, sizeof thread->sites);
}

/* What makes a site one of its own, beside the stack. */
typedef struct kind {
  unsigned class_, domain;
  const char *type;
} kind;

static inline uint32_t tag_of(const ouro__trace_thread *thread, const kind *of) {
  return ouro__cache_tag(thread, of->class_, of->domain);
}

static OURO_NOINLINE uint32_t new_site(ouro__trace_thread *thread, uint32_t node, const kind *of) {
  ouro__site_key key = {node, 0, thread->index, (uint8_t)of->class_, (uint8_t)of->domain};
  if (of->type) key.type = ouro__intern_string(of->type, strnlen(of->type, 255));
  return ouro__intern_site(&key);
}

static ouro__cached_site *find_cached(ouro__trace_thread *thread, uintptr_t code, uintptr_t at, uint32_t tag) {
  return &thread->sites[ouro__cache_slot(code + at, tag)];
}

static bool is_it(const ouro__cached_site *cached, uintptr_t code, uintptr_t at, uint32_t tag) {
  return OURO_LIKELY(cached->at == at && cached->code == code && cached->tag == tag && cached->site);
}

static uint32_t site_of_node(ouro__trace_thread *thread, uint32_t node, const kind *of) {
  uint32_t tag = tag_of(thread, of);
  ouro__cached_site *cached = find_cached(thread, (uintptr_t)of->type, node, tag);
  if (is_it(cached, (uintptr_t)of->type, node, tag)) return cached->site;
  bool locked = ouro__trace_enter();
  uint32_t site = new_site(thread, node, of);
  ouro__trace_leave(locked);
  if (site) *cached = (ouro__cached_site){(uintptr_t)of->type, node, tag, site, ouro__site_at(site)};
  return site;
}

/* The frame that `code` and `at` stand for: a Python place, or, without code, a native address. Under the lock. */
static uint32_t frame_of(const char *code, uintptr_t at) {
  if (code) return ouro__intern_place(code, at);
  ouro__modules_know(at);
  ouro__area_frame frame = {.kind = OURO_FRAME_NATIVE, .address = at};
  frame.line = ouro__load_relaxed(&ouro__tracing.page->generation);
  return ouro__intern_frame(&frame);
}

static uint32_t node_of(ouro__trace_thread *thread, uint32_t parent, const char *code, uintptr_t at) {
  ouro__cached_node *cached = &thread->nodes[ouro__cache_slot((uintptr_t)code + at, parent)];
  if (OURO_LIKELY(cached->at == at && cached->code == code && cached->parent == parent && cached->version == thread->version && cached->node)) {
    return cached->node;
  }
  if (code) ouro__block_word_slow(code, true); /* its column, for intern.c */
  bool locked = ouro__trace_enter();
  uint32_t frame = frame_of(code, at), node = frame ? ouro__intern_node(parent, frame) : 0;
  ouro__trace_leave(locked);
  if (node) *cached = (ouro__cached_node){code, at, parent, node, thread->version};
  return node;
}

/* ---------------------------------------------------------------- places in C source */

static uint32_t source_site(ouro__trace_thread *thread, const ouro_source *here, const kind *of) {
  uint32_t tag = tag_of(thread, of);
  ouro__cached_site *cached = find_cached(thread, (uintptr_t)here, (uintptr_t)of->type, tag);
  if (is_it(cached, (uintptr_t)here, (uintptr_t)of->type, tag)) return cached->site;
  bool locked = ouro__trace_enter();
  ouro__area_frame frame = {.kind = OURO_FRAME_SOURCE, .line = here->line};
  frame.file = ouro__intern_string(here->file, strnlen(here->file, 1023));
  frame.function = ouro__intern_string(here->function, strnlen(here->function, 255));
  uint32_t number = ouro__intern_frame(&frame), node = number ? ouro__intern_node(0, number) : 0;
  uint32_t site = node ? new_site(thread, node, of) : 0;
  ouro__trace_leave(locked);
  if (site) *cached = (ouro__cached_site){(uintptr_t)here, (uintptr_t)of->type, tag, site, ouro__site_at(site)};
  return site;
}

/* ---------------------------------------------------------------- Python */

static OURO_NOINLINE uint32_t new_python_site(ouro__trace_thread *thread, const char *innermost, const kind *of, uint32_t tag) {
  const char *frame = ouro__py_shown(innermost);
  if (!frame) return site_of_node(thread, 0, of);
  const char *code = ouro__py_code(frame);
  uintptr_t at = ouro__py_at(frame);
  uint32_t node = node_of(thread, 0, code, at);
  bool locked = ouro__trace_enter();
  uint32_t site = node ? new_site(thread, node, of) : 0;
  ouro__trace_leave(locked);
  uintptr_t key = ouro__py.is.minor > 10 ? 0 : (uintptr_t)code;
  if (site) *find_cached(thread, key, at, tag) = (ouro__cached_site){key, at, tag, site, ouro__site_at(site)};
  return site;
}

/* What is no frame to a reader is never in the cache: so what is found there need not be looked at. */
static inline uint32_t python_site(ouro__trace_thread *thread, const char *innermost, const kind *of) {
  uint32_t tag = tag_of(thread, of);
  uintptr_t code = ouro__py.is.minor > 10 ? 0 : (uintptr_t)ouro__py_code(innermost), at = ouro__py_at(innermost);
  const ouro__cached_site *cached = find_cached(thread, code, at, tag);
  return is_it(cached, code, at, tag) ? cached->site : new_python_site(thread, innermost, of, tag);
}

/* Number `top` of the kept frames is `frame`: are those outside of it the same too? */
static inline bool same_from(const ouro__trace_thread *thread, unsigned top, const char *frame) {
  size_t back = ouro__py.is.frame_back, at_offset = ouro__py.is.frame_at;
  bool at_is_address = ouro__py.is.minor > 10; /* which says the code as well */
  for (unsigned i = top; i-- > 0;) {
    const ouro__py_walked *kept = &thread->py[i];
    const char *next = ouro__py_pointer(frame, back);
    if (OURO_UNLIKELY(next != kept->frame)) next = ouro__py_shown(next); /* what is kept was no hidden one */
    if (next != kept->frame) return false;
    frame = next;
    if (OURO_LIKELY(at_is_address)) {
      if ((uintptr_t)ouro__py_pointer(frame, at_offset) != kept->at) return false;
    } else if (ouro__py_at(frame) != kept->at || ouro__py_code(frame) != kept->code) {
      return false;
    }
  }
  return thread->py_cut || !ouro__py_back(frame);
}

/* The number of a kept frame, at or below `from`, that lies where this one does; -1: none near. Frames that were called later mostly lie higher:
 * what lies above the innermost one that is kept is new. */
static inline int find_kept(const ouro__trace_thread *thread, int from, const char *frame) {
  for (int i = from; i >= 0 && i > from - 16 && frame <= thread->py[i].frame; i--) {
    if (thread->py[i].frame == frame) return i;
  }
  return -1;
}

/* Gather frames that are not kept into py_new, innermost first, until the rest is; returns how many are kept. */
static unsigned gather(ouro__trace_thread *thread, const char *frame, unsigned limit, unsigned *fresh, bool *cut) {
  int kept = (int)thread->py_depth - 1;
  unsigned count = 0;
  for (; frame && count < limit; frame = ouro__py_back(frame)) {
    const char *code = ouro__py_code(frame);
    uintptr_t at = ouro__py_at(frame);
    int found = find_kept(thread, kept, frame);
    if (found >= 0) {
      bool same = thread->py[found].at == at && thread->py[found].code == code;
      unsigned total = count + (unsigned)found + 1;
      bool in_place = total == limit || (!thread->py_cut && total < limit);
      if (same && in_place && same_from(thread, (unsigned)found, frame)) {
        *fresh = count;
        *cut = thread->py_cut;
        return (unsigned)found + 1;
      }
      kept = found - 1;
    }
    thread->py_new[count++] = (ouro__py_walked){frame, code, at, 0, 0};
  }
  *fresh = count;
  *cut = frame != NULL;
  return 0;
}

/* The stack of the last time, of which at most the innermost frame has gone on: its node. 0: it is another. */
static inline uint32_t same_as_last(ouro__trace_thread *thread, const char *innermost) {
  unsigned depth = thread->py_depth;
  if (depth == 0) return 0;
  ouro__py_walked *top = &thread->py[depth - 1];
  if (innermost != top->frame || ouro__py_code(innermost) != top->code || !same_from(thread, depth - 1, innermost)) return 0;
  uintptr_t at = ouro__py_at(innermost);
  if (OURO_LIKELY(at == top->at)) return top->node;
  if (ouro__py_shown(innermost) != innermost) return 0;
  uint32_t parent = depth > 1 ? top[-1].node : 0, node = node_of(thread, parent, top->code, at);
  if (node) {
    top->at = at;
    top->parent = parent;
    top->node = node;
  }
  return node;
}

/* The node of the stack from `innermost` on outward. */
static uint32_t python_node(ouro__trace_thread *thread, const char *innermost) {
  uint32_t same = same_as_last(thread, innermost);
  if (same) return same;
  const char *frame = ouro__py_shown(innermost);
  unsigned fresh;
  bool cut;
  unsigned depth = gather(thread, frame, ouro__tracing.frames, &fresh, &cut);
  uint32_t node = depth ? thread->py[depth - 1].node : 0;
  while (fresh-- > 0) {
    ouro__py_walked *walked = &thread->py[depth], *now = &thread->py_new[fresh];
    bool again = walked->at == now->at && walked->code == now->code && walked->parent == node && walked->node;
    uint32_t found = again ? walked->node : node_of(thread, node, now->code, now->at);
    *walked = (ouro__py_walked){now->frame, now->code, now->at, node, found};
    if (!found) break; /* no room: the part that is known */
    node = walked->node;
    depth++;
  }
  thread->py_depth = depth;
  thread->py_cut = cut;
  return node;
}

/* ---------------------------------------------------------------- native, and both */

static uint32_t native_node(ouro__trace_thread *thread) {
  ouro__native_walk *walk = &thread->native;
  ouro__unwind(walk);
  unsigned limit = ouro__tracing.frames, begin = walk->depth > limit ? walk->depth - limit : 0;
  unsigned known = walk->changed < thread->native_known ? walk->changed : thread->native_known;
  unsigned changed = begin == thread->native_begin && known > begin ? known : begin; /* the first frame whose node must be found */
  uint32_t node = changed > begin ? walk->frame[changed - 1].node : 0;
  for (unsigned i = changed; i < walk->depth; i++) {
    ouro__cached_node *last = &thread->last[i]; /* the same function is often called again from the same place */
    if (OURO_UNLIKELY(last->at != walk->frame[i].pc || last->parent != node || !last->node)) {
      *last = (ouro__cached_node){NULL, walk->frame[i].pc, node, node_of(thread, node, NULL, walk->frame[i].pc), 0};
    }
    walk->frame[i].node = last->node;
    if (last->node) node = last->node;
  }
  thread->native_begin = begin;
  thread->native_known = walk->depth;
  return node;
}

static bool is_loop(uintptr_t pc) { return pc >= ouro__tracing.loop_start && pc < ouro__tracing.loop_end; }

/* Native frames from the outermost in; where one is the evaluation loop, the Python frames that it runs. The interpreter's frames come
 * innermost first, so they are counted off from the inside. */
static uint32_t mixed_node(ouro__trace_thread *thread, const char *frame) {
  ouro__native_walk *walk = &thread->native;
  ouro__unwind(walk);
  unsigned limit = ouro__tracing.frames, count = 0;
  for (unsigned i = walk->depth; i-- > 0 && count < limit;) {
    if (!is_loop(walk->frame[i].pc)) {
      thread->py_new[count++] = (ouro__py_walked){NULL, NULL, walk->frame[i].pc, 0, 0};
      continue;
    }
    while (frame && count < limit) {
      bool entry = ouro__py_is_entry(frame);
      thread->py_new[count++] = (ouro__py_walked){frame, ouro__py_code(frame), ouro__py_at(frame), 0, 0};
      frame = ouro__py_back(frame);
      if (entry) break;
    }
  }
  thread->native_known = 0;
  uint32_t node = 0;
  while (count-- > 0) {
    uint32_t next = node_of(thread, node, thread->py_new[count].code, thread->py_new[count].at);
    if (next) node = next;
  }
  return node;
}

/* ---------------------------------------------------------------- which way */

static bool is_python_domain(unsigned domain) { return domain >= OURO_DOMAIN_RAW && domain <= OURO_DOMAIN_OBJ; }

uint32_t ouro__stack_site(ouro__trace_thread *thread, unsigned class_, unsigned domain, const char *type) {
  kind of = {class_, domain, type};
  const ouro_source *here = ouro__trace_here;
  forget_when_void(thread);
  if (here) {
    ouro__trace_here = NULL;
    return source_site(thread, here, &of);
  }
  if (ouro__tracing.python) {
    const char *state = ouro__py_thread(domain == OURO_DOMAIN_MEM || domain == OURO_DOMAIN_OBJ);
    const char *frame = state ? ouro__py_innermost(state) : NULL;
    if (frame && ouro__tracing.native) return site_of_node(thread, mixed_node(thread, ouro__py_shown(frame)), &of);
    if (frame && ouro__tracing.frames == 1) return python_site(thread, frame, &of);
    if (frame) return site_of_node(thread, python_node(thread, frame), &of);
    if (is_python_domain(domain) && !ouro__tracing.native) return site_of_node(thread, 0, &of);
  }
  return site_of_node(thread, native_node(thread), &of);
}
