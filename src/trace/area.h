/* trace/area.h - what the tracer knows, in memory that others can read: the layout of DIR/PID.trace.
 *
 * The tracer keeps counters, not events. It writes them in an AREA, which under `ouro run` is a file that the process has mapped: so
 * another process can read it at any time, and what is in it outlives the process, whichever way that ends. Elsewhere the area is
 * plain memory, and ouro_trace_write copies it to a file of the same layout.
 *
 *     page      4 KiB: struct ouro__area_page
 *     chunk 0   64 KiB: struct ouro__area_chunk, then entries of one table, side by side
 *     chunk 1   ...      a chunk is of one table; chunks of all tables come in the order in which they were needed
 *
 * Tables and what their entries are called by:
 *
 *     STRINGS   bytes; a string is a uint32_t length, its bytes (UTF-8, not always valid), a NUL, padding to 4. Called by the offset of
 *               its length in the table's bytes. Offset 0 is the empty string.
 *     FRAMES    a place in a program: ouro__area_frame. Called by its number; 0 is no frame.
 *     NODES     a frame and the node of its caller: ouro__area_node. Number 0 is the root, which has no frame. Parents come first.
 *     SITES     a stack (node), a thread, a size class and so on, and what was counted there: ouro__area_site. Number 0 takes what
 *               could not be recorded for lack of room.
 *     MODULES   a mapping of code: ouro__area_module.
 *     THREADS   ouro__area_thread.
 *     PINS      who keeps which memory, written anew each time that it is asked for: ouro__area_pin.
 *
 * An entry is complete, and what it refers to is there, when the table's count in the page includes it. All but sites and pins never change
 * afterwards. A site's counters change one after another while the process runs: a reader may see one event in some and not yet in others.
 *
 * I-AREA-1  node.parent < the node's own number; node.frame, site.node, site.type and the strings of a frame exist
 * I-AREA-2  sum of live_bytes over sites == page.live_bytes, but for an event that is being counted */
#ifndef OURO_TRACE_AREA_H
#define OURO_TRACE_AREA_H

#include <stdatomic.h>
#include <stdint.h>

#define OURO_AREA_MAGIC UINT64_C(0x616572616f72756f) /* "ouroarea" */
#define OURO_AREA_VERSION 1
#define OURO_AREA_PAGE_BYTES 4096
#define OURO_AREA_CHUNK_BYTES (64 * 1024)
#define OURO_AREA_CHUNK_HEAD 64 /* bytes before the entries */

enum ouro__area_table {
  OURO_AREA_STRINGS = 0,
  OURO_AREA_FRAMES,
  OURO_AREA_NODES,
  OURO_AREA_SITES,
  OURO_AREA_MODULES,
  OURO_AREA_THREADS,
  OURO_AREA_PINS,
  OURO_AREA_TABLES
};

typedef struct ouro__area_chunk {
  uint32_t table, index; /* the index-th chunk of that table */
  uint32_t reserved[14];
} ouro__area_chunk;

enum ouro__frame_kind {
  OURO_FRAME_PYTHON = 1, /* file, function, line */
  OURO_FRAME_NATIVE,     /* address, in module generation `line`: symbolised later */
  OURO_FRAME_SOURCE,     /* file, function, line of a C macro */
};

typedef struct ouro__area_frame {
  uint32_t kind, line;
  uint32_t file, function; /* strings */
  uint64_t address;        /* NATIVE: inside the call instruction. Otherwise 0 */
} ouro__area_frame;

typedef struct ouro__area_node {
  uint32_t parent, frame;
} ouro__area_node;

enum ouro__trace_domain {
  OURO_DOMAIN_NATIVE = 0, /* malloc and its like */
  OURO_DOMAIN_RAW,        /* Python's three */
  OURO_DOMAIN_MEM,
  OURO_DOMAIN_OBJ,
  OURO_DOMAIN_BLOCK,      /* ouro_malloc and its like */
  OURO_DOMAIN_OBJECT,     /* an object of libouro */
  OURO_DOMAINS
};

/* Counts are of blocks, bytes as they were asked for. In sampling mode, all of them are estimates: a count stands for 1/256 block. */
typedef struct ouro__area_site {
  uint32_t node;
  uint16_t thread;             /* index in THREADS */
  uint8_t class_;              /* size class; 0: a large block */
  uint8_t domain;              /* ouro__trace_domain */
  uint32_t type;               /* string; 0: none */
  _Atomic uint32_t peak_mark;  /* where it is the page's, the two peaks below hold; where not, live is what it had at the peak */
  _Atomic uint64_t allocs, bytes;        /* since tracing began */
  _Atomic uint64_t live, live_bytes;     /* now */
  _Atomic uint64_t temporary, temporary_bytes; /* freed when the thread had made at most page.temporary_within more */
  _Atomic uint64_t peak, peak_bytes;     /* when live bytes were most */
  _Atomic uint64_t end, end_bytes;       /* when the program, or its interpreter, began to end; see page.end_ns */
  _Atomic uint64_t samples;              /* sampling: blocks seen */
  _Atomic double variance;               /* sampling: of `bytes`, in bytes squared */
  _Atomic double live_variance;          /* of `live_bytes` */
  uint64_t reserved;                     /* an entry is two cache lines: what each event changes is in the first */
} ouro__area_site;

typedef struct ouro__area_module {
  uint64_t start, end;  /* addresses */
  uint64_t offset;      /* in the file */
  uint32_t path;        /* string */
  uint32_t generation;  /* frames of this generation and later ones, up to the next that has a module there */
} ouro__area_module;

typedef struct ouro__area_thread {
  uint64_t id; /* of the system */
  char name[16];
} ouro__area_thread;

/* One line's part in what keeps an arena, or, with site == UINT32_MAX, the arena as a whole. Pages of 4 KiB that hold a live block
 * cannot go back; `kept` is what of such pages no live block uses, in equal parts to the blocks on each page. */
typedef struct ouro__area_pin {
  uint64_t arena;             /* address; 0 in rows that are large blocks outside of pools */
  uint32_t site;              /* 0: blocks made before tracing, or not traced */
  uint32_t blocks;
  uint64_t bytes;             /* that the blocks use, by their size class */
  uint64_t kept;
  uint64_t sole;              /* pages of which all blocks are this site's: what would go back without it */
  uint32_t pools;             /* pools that it has blocks in; of the arena: pools in use */
  uint32_t oldest, youngest;  /* age of its blocks, in milliseconds; 0 where unknown */
  uint32_t held_pages;        /* of the arena as a whole: pages of 4 KiB that the system cannot have back */
} ouro__area_pin;

enum ouro__area_state { OURO_AREA_RUNNING = 1, OURO_AREA_EXITED = 2 };

/* What the command wants: it raises `asked` after it has written the wishes; the process sets `answered` to it when it has done them. A
 * process answers when it next allocates from a pool, or its background thread comes round. */
enum ouro__area_wish {
  OURO_WISH_MODE = 1,       /* start or stop: wish_mode, and, for a start, wish_frames, wish_native and wish_sample */
  OURO_WISH_PINS = 2,       /* write PINS anew */
  OURO_WISH_CLEAR = 4,      /* forget all that was counted */
  OURO_WISH_RESET_PEAK = 8
};

typedef struct ouro__area_page {
  _Atomic uint64_t magic; /* written last: the page is filled */
  uint32_t version;
  uint32_t entry_bytes[OURO_AREA_TABLES]; /* of each table; 1 for STRINGS */
  int32_t pid, parent;
  _Atomic uint32_t state;
  _Atomic uint32_t mode;         /* enum ouro_trace_mode of <ouro/trace.h> */
  _Atomic uint32_t frames;       /* of a stack are recorded at most */
  _Atomic uint32_t native;       /* native frames among Python's */
  _Atomic uint64_t sample_bytes; /* mean distance of samples; means something in sampling mode */
  _Atomic uint32_t temporary_within;
  _Atomic uint32_t generation;   /* of modules: grows when a library was unloaded */
  _Atomic uint32_t broken;       /* errno for which the area could not grow; 0: all is well */
  _Atomic uint32_t chunks;
  _Atomic uint64_t counts[OURO_AREA_TABLES]; /* entries; of STRINGS bytes */
  _Alignas(64) _Atomic uint64_t live; /* these are over all sites; see ouro__area_site. A cache line that each event changes */
  _Atomic uint64_t live_bytes, peak, peak_bytes, allocs, bytes;
  _Atomic uint32_t peak_mark;
  _Atomic uint64_t lost;         /* events counted in site 0 */
  _Atomic uint64_t own_bytes;    /* memory of the tracer itself */
  _Atomic uint64_t started_ns;   /* CLOCK_MONOTONIC: tracing began */
  _Atomic uint64_t start_realtime_ns; /* the same moment, of CLOCK_REALTIME */
  _Atomic uint64_t peak_ns, end_ns;   /* CLOCK_MONOTONIC; end 0: not yet */
  _Atomic uint64_t pins_ns;      /* PINS is of this moment; 0: it was never written */
  _Atomic uint32_t pins_writes;  /* odd while it is written */
  _Atomic uint32_t asked, answered;
  _Atomic uint32_t wish, wish_mode, wish_frames, wish_native;
  _Atomic uint64_t wish_sample;
  char python[32];               /* "3.11.7"; empty: none */
  char command[1024];            /* arguments, each ended by NUL, cut to fit */
} ouro__area_page;

_Static_assert(sizeof(ouro__area_page) <= OURO_AREA_PAGE_BYTES, "the chunks begin behind the page");
_Static_assert(sizeof(ouro__area_chunk) == OURO_AREA_CHUNK_HEAD, "a chunk's entries begin behind its head");

#endif
