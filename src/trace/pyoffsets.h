/* trace/pyoffsets.h - the table of trace/pyframes.h, included by trace/pyframes.c alone. scripts/python_offsets.py writes it, from
 * CPython's headers. */
#ifndef OURO_TRACE_PYOFFSETS_H
#define OURO_TRACE_PYOFFSETS_H

static const ouro__py_offsets offsets[] = {
  {
    .minor = 9, .thread_frame = 24, .frame_code = 32, .frame_back = 24, .frame_at = 104, .code_name = 112,
    .code_bytes = 176, .frame_bytes = 368, .code_lines = 120, .code_line = 40, .bytes_length = 16, .bytes_data = 32,
    .code_file = 104, .string_length = 16, .string_state = 32, .string_ascii = 48, .string_compact = 72,
    .string_any = 72, .string_bytes = 80, .type_bytes = 32, .type_members = 240,
  },
  {
    .minor = 10, .thread_frame = 24, .frame_code = 32, .frame_back = 24, .frame_at = 96, .code_name = 112,
    .code_bytes = 176, .frame_bytes = 360, .code_lines = 120, .code_line = 40, .bytes_length = 16, .bytes_data = 32,
    .code_file = 104, .string_length = 16, .string_state = 32, .string_ascii = 48, .string_compact = 72,
    .string_any = 72, .string_bytes = 80, .type_bytes = 32, .type_members = 240,
  },
  {
    .minor = 11, .thread_frame = 56, .control_frame = 8, .frame_code = 32, .frame_at = 56, .frame_entry = 68,
    .frame_back = 48, .frame_owner = 69, .code_name = 128, .code_start = 184, .code_first = 168, .code_bytes = 184,
    .frame_bytes = 120, .code_lines = 136, .code_line = 72, .bytes_length = 16, .bytes_data = 32, .code_file = 112,
    .string_length = 16, .string_state = 32, .string_ascii = 48, .string_compact = 72, .string_any = 72,
    .string_bytes = 80, .type_bytes = 32, .type_members = 240,
  },
  {
    .minor = 12, .thread_frame = 56, .control_frame = 0, .frame_code = 0, .frame_at = 56, .frame_back = 8,
    .frame_owner = 70, .code_name = 128, .code_start = 192, .code_first = 176, .code_bytes = 192, .frame_bytes = 120,
    .code_lines = 136, .code_line = 68, .bytes_length = 16, .bytes_data = 32, .code_file = 112, .string_length = 16,
    .string_state = 32, .string_ascii = 40, .string_compact = 56, .string_any = 56, .string_bytes = 64,
    .type_bytes = 32, .type_members = 240,
  },
  {
    .minor = 13, .thread_frame = 72, .frame_code = 0, .frame_at = 56, .frame_back = 8, .frame_owner = 70,
    .code_name = 128, .code_start = 200, .code_first = 184, .code_bytes = 200, .frame_bytes = 136, .code_lines = 136,
    .code_line = 68, .bytes_length = 16, .bytes_data = 32, .code_file = 112, .string_length = 16, .string_state = 32,
    .string_ascii = 40, .string_compact = 56, .string_any = 56, .string_bytes = 64, .type_bytes = 32,
    .type_members = 240,
  },
};

static const published published_13[] = {
  {184, offsetof(ouro__py_offsets, thread_frame)},
  {240, offsetof(ouro__py_offsets, frame_code)},
  {232, offsetof(ouro__py_offsets, frame_back)},
  {248, offsetof(ouro__py_offsets, frame_at)},
  {264, offsetof(ouro__py_offsets, frame_owner)},
  {280, offsetof(ouro__py_offsets, code_file)},
  {296, offsetof(ouro__py_offsets, code_name)},
  {312, offsetof(ouro__py_offsets, code_line)},
  {304, offsetof(ouro__py_offsets, code_lines)},
  {344, offsetof(ouro__py_offsets, code_start)},
  {520, offsetof(ouro__py_offsets, bytes_length)},
  {528, offsetof(ouro__py_offsets, bytes_data)},
  {552, offsetof(ouro__py_offsets, string_length)},
  {544, offsetof(ouro__py_offsets, string_state)},
  {560, offsetof(ouro__py_offsets, string_ascii)},
};

#endif
