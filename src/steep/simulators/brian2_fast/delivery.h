// Delivery of spikes by contiguous rows of weights, for the links of a threshold network inside a Brian2 simulation.
//
// A spike adds one row of integers to the sums of the population after it: all weights of its source (dense), or the
// rows of the kernel, laid out (kernel row, filter of each kernel column from right to left), which lie side by side in
// a population whose neurons are numbered (row, column, filter). The sums are integers, so their order cannot matter;
// they are added to Brian2's v at the end of a step, and before they could overflow. Weights are kept as narrow as
// their values allow, which is decided when they are loaded. What has no such rows travels synapse by synapse.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <vector>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace steep {

[[noreturn]] inline void fail(const std::string& what) {
    std::fprintf(stderr, "steep: %s\n", what.c_str());
    std::exit(3);
}

// ---------------------------------------------------------------------------------------------------------- vectors
#if defined(__AVX512BW__)
constexpr int VECTOR_BYTES = 64;
#else
constexpr int VECTOR_BYTES = 32;
#endif

// N numbers side by side, wherever they lie.
template <class T, int N> struct VectorOf {
    typedef T type __attribute__((vector_size(N * sizeof(T)), aligned(sizeof(T)), may_alias));
};

template <class Sum> constexpr int LANES = VECTOR_BYTES / static_cast<int>(sizeof(Sum));
// Sums that stay in registers while spikes are added.
constexpr int REGISTERS = 8;

constexpr int ceil_div(int a, int b) { return (a + b - 1) / b; }

template <class T> struct Aligned {
    T* data = nullptr;
    size_t size = 0;
    void resize(size_t count) {
        std::free(data);
        size = count;
        const size_t bytes = (count * sizeof(T) + 2 * VECTOR_BYTES - 1) / VECTOR_BYTES * VECTOR_BYTES;
        data = static_cast<T*>(std::aligned_alloc(VECTOR_BYTES, bytes));
        if (!data) fail("out of memory");
        std::memset(data, 0, bytes);
    }
};

// Read a vector of weights, in the width of the sums. GCC 12 makes four instructions of the general form.
template <class Weight, class Sum> inline auto widened(const Weight* from) {
    using Weights = typename VectorOf<Weight, LANES<Sum>>::type;
    using Sums = typename VectorOf<Sum, LANES<Sum>>::type;
#if defined(__AVX512BW__)
    if constexpr (sizeof(Weight) == 1) return (Sums)_mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i*)from));
    if constexpr (sizeof(Weight) == 2) return (Sums)_mm512_cvtepi16_epi32(_mm256_loadu_si256((const __m256i*)from));
#elif defined(__AVX2__)
    if constexpr (sizeof(Weight) == 1) return (Sums)_mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i*)from));
    if constexpr (sizeof(Weight) == 2) return (Sums)_mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i*)from));
#endif
    return __builtin_convertvector(*reinterpret_cast<const Weights*>(from), Sums);
}

// Add COUNT vectors' worth of each chosen row to `sum`; row r begins at `weight + first[r] * stride`.
template <int COUNT, bool GRADED, class Weight, class Sum>
[[gnu::always_inline]] inline void add_rows(Sum* sum, const Weight* weight, int stride, const int32_t* first, const uint8_t* value, int rows) {
    constexpr int L = LANES<Sum>;
    using Sums = typename VectorOf<Sum, L>::type;
    Sums kept[COUNT];
    for (int k = 0; k < COUNT; k++) kept[k] = *reinterpret_cast<const Sums*>(sum + k * L);
    for (int r = 0; r < rows; r++) {
        const Weight* row = weight + static_cast<size_t>(first[r]) * stride;
        for (int k = 0; k < COUNT; k++) {
            const Sums w = widened<Weight, Sum>(row + k * L);
            kept[k] += GRADED ? w * static_cast<Sum>(value[r]) : w;
        }
    }
    for (int k = 0; k < COUNT; k++) *reinterpret_cast<Sums*>(sum + k * L) = kept[k];
}

// The same for any number of vectors.
template <bool GRADED, class Weight, class Sum>
[[gnu::always_inline]] inline void add_rows(int vectors, Sum* sum, const Weight* weight, int stride, const int32_t* first,
                     const uint8_t* value, int rows) {
    constexpr int BLOCK = LANES<Sum> * REGISTERS;
    for (; vectors >= REGISTERS; vectors -= REGISTERS, sum += BLOCK, weight += BLOCK)
        add_rows<REGISTERS, GRADED>(sum, weight, stride, first, value, rows);
    switch (vectors) {
        case 1: return add_rows<1, GRADED>(sum, weight, stride, first, value, rows);
        case 2: return add_rows<2, GRADED>(sum, weight, stride, first, value, rows);
        case 3: return add_rows<3, GRADED>(sum, weight, stride, first, value, rows);
        case 4: return add_rows<4, GRADED>(sum, weight, stride, first, value, rows);
        case 5: return add_rows<5, GRADED>(sum, weight, stride, first, value, rows);
        case 6: return add_rows<6, GRADED>(sum, weight, stride, first, value, rows);
        case 7: return add_rows<7, GRADED>(sum, weight, stride, first, value, rows);
    }
}

// -------------------------------------------------------------------------------------------------------------- files
// What was loaded is held against what was written by this sum of words, each times an odd number of its own.
struct Checksum {
    uint64_t value = 0, factor = 1;
    void add(const void* data, size_t bytes) {  // the last word is filled up with zeros
        const char* at = static_cast<const char*>(data);
        for (size_t done = 0; done < bytes; done += 8, factor += 2) {
            uint64_t word = 0;
            std::memcpy(&word, at + done, std::min<size_t>(8, bytes - done));
            value += word * factor;
        }
    }
};

inline FILE* opened(const std::string& path, const char* mode) {
    FILE* file = std::fopen(path.c_str(), mode);
    if (!file) fail("cannot open " + path);
    std::setvbuf(file, nullptr, _IOFBF, 1 << 18);
    return file;
}

inline void read_all(FILE* file, void* to, size_t bytes, const std::string& path) {
    if (std::fread(to, 1, bytes, file) != bytes) fail(path + " is shorter than the network needs");
}

inline void write_all(FILE* file, const void* from, size_t bytes) {
    if (std::fwrite(from, 1, bytes, file) != bytes) fail("cannot write results; is the disk full?");
}

template <class T> std::vector<T> whole_file(const std::string& path, size_t count, Checksum& checksum) {
    FILE* file = opened(path, "rb");
    std::vector<T> values(count);
    read_all(file, values.data(), count * sizeof(T), path);
    if (std::fgetc(file) != EOF) fail(path + " is longer than the network needs");
    std::fclose(file);
    checksum.add(values.data(), count * sizeof(T));
    return values;
}

// The arrays of all links, one after another in a file, each filled up with zeros to a whole number of words.
struct Tables {
    FILE* file = opened("weights.bin", "rb");
    size_t left = 0;
    Checksum checksum;

    Tables() {
        std::fseek(file, 0, SEEK_END);
        left = static_cast<size_t>(std::ftell(file));
        std::rewind(file);
    }
    template <class T> std::vector<T> next(size_t count) {
        if (count > left / sizeof(T)) fail("weights.bin is shorter than the network needs");
        constexpr size_t PER_WORD = 8 / sizeof(T);
        std::vector<T> values((count + PER_WORD - 1) / PER_WORD * PER_WORD);
        const size_t bytes = values.size() * sizeof(T);
        read_all(file, values.data(), bytes, "weights.bin");
        checksum.add(values.data(), bytes);
        left -= bytes;
        return values;
    }
    void stop() {
        if (left) fail("weights.bin is longer than the network needs");
        std::fclose(file);
    }
};

// ------------------------------------------------------------------------------------------------------------ widths
// What a link delivers in a step: the sources that fire, in ascending order; for currents, also their values.
struct Arrivals {
    const int32_t* source;
    const uint8_t* value;  // nullptr for spikes
    int count;
};

// How many rows of weights of at most `largest`, times at most `top`, a sum surely holds before it must be emptied.
template <class Sum> inline int rows_held(int64_t largest, int top) {
    const int64_t rows = std::numeric_limits<Sum>::max() / std::max<int64_t>(1, largest * top);
    return static_cast<int>(std::min<int64_t>(rows, 1 << 30));
}

// A link with weights as narrow as their values allow: int8 added in int16, int16 in int32, or int32 in int64. Sums
// that could overflow are emptied into v in time, so that none ever does.
template <template <class, class> class Table> struct AnyWidth {
    int width = 0;
    Table<int8_t, int16_t> narrow;
    Table<int16_t, int32_t> middle;
    Table<int32_t, int64_t> wide;

    void load(Tables& tables, int top) {
        const std::vector<int32_t> weights = tables.next<int32_t>(Table<int8_t, int16_t>::WEIGHTS);
        const int32_t* weight = weights.data();
        int64_t largest = 0;
        for (const int32_t one : weights) largest = std::max(largest, std::abs(static_cast<int64_t>(one)));
        // Currents are too large for sums of 16 bits.
        if (largest <= 127 && top == 1) {
            narrow.load(weight, rows_held<int16_t>(largest, top));
        } else if (largest <= 32767) {
            width = 1;
            middle.load(weight, rows_held<int32_t>(largest, top));
        } else {
            width = 2;
            wide.load(weight, rows_held<int64_t>(largest, top));
        }
    }
    template <class Float> void deliver(const Arrivals& arrivals, Float* v) {
        if (arrivals.value)
            width == 1 ? middle.template run<true>(arrivals, v) : wide.template run<true>(arrivals, v);
        else if (width == 0)
            narrow.template run<false>(arrivals, v);
        else
            width == 1 ? middle.template run<false>(arrivals, v) : wide.template run<false>(arrivals, v);
    }
};

// ------------------------------------------------------------------------------------------------------------- dense
template <int SOURCES, int TARGETS> struct Dense {
    template <class Weight, class Sum> struct Table {
        static constexpr size_t WEIGHTS = static_cast<size_t>(SOURCES) * TARGETS;
        static constexpr int L = LANES<Sum>, BLOCKS = ceil_div(TARGETS, L * REGISTERS);
        static constexpr int COUNT = ceil_div(ceil_div(TARGETS, L), BLOCKS), BLOCK = COUNT * L;
        Aligned<Weight> rows;  // [block][source][BLOCK]
        Aligned<Sum> sum;
        int held = 0;

        void load(const int32_t* weight, int rows_held) {  // [target][source]
            held = rows_held;
            rows.resize(static_cast<size_t>(BLOCKS) * SOURCES * BLOCK);
            sum.resize(BLOCKS * BLOCK);
            for (size_t target = 0; target < TARGETS; target++)
                for (size_t source = 0; source < SOURCES; source++)
                    rows.data[(target / BLOCK * SOURCES + source) * BLOCK + target % BLOCK] =
                        static_cast<Weight>(weight[target * SOURCES + source]);
        }
        // A function of its own: among the loops of all links, registers would be short.
        template <bool GRADED, class Float> [[gnu::noinline]] void run(const Arrivals& a, Float* v) {
            for (int from = 0; from < a.count; from += held) {
                const int count = std::min(held, a.count - from);
                for (int block = 0; block < BLOCKS; block++)
                    add_rows<COUNT, GRADED>(sum.data + block * BLOCK,
                                            rows.data + static_cast<size_t>(block) * SOURCES * BLOCK, BLOCK,
                                            a.source + from, a.value + from, count);
                for (int target = 0; target < TARGETS; target++) v[target] += static_cast<Float>(sum.data[target]);
                std::memset(sum.data, 0, BLOCKS * BLOCK * sizeof(Sum));
            }
        }
    };
    AnyWidth<Table> any;
    void load(Tables& tables, int top) { any.load(tables, top); }
    template <class Float> void deliver(const Arrivals& a, Float* v) { any.deliver(a, v); }
};

// ------------------------------------------------------------------------------------------------------- convolution
// Sources are numbered (row, column, channel), targets (row, column, filter).
template <int C, int H, int W, int F, int KH, int KW, int SY, int SX, int ABOVE, int LEFT, int HO, int WO> struct Conv {
    template <class Weight, class Sum> struct Table {
        static constexpr size_t WEIGHTS = static_cast<size_t>(F) * C * KH * KW;
        static constexpr int L = LANES<Sum>;
        // Rows and columns of targets that one source reaches at most.
        static constexpr int NY = ceil_div(KH, SY), NX = ceil_div(KW, SX);
        // Targets left and right of the population: either the sums have room for them and are simply added there, or, where
        // that would be much in vain, the rows of weights are clipped.
        static constexpr bool CLIPPED = 4 * ((W - 1 + LEFT) / SX + NX) > 5 * WO;
        static constexpr int MARGIN = CLIPPED ? 0 : NX - 1;
        static constexpr int COLUMNS = CLIPPED ? WO : std::max(WO + MARGIN, (W - 1 + LEFT) / SX + NX);
        // Vectors that begin inside a row of weights may reach beyond it, where it has zeros; a row of sums likewise.
        static constexpr int RUN = ceil_div(NX * F + L - 1, L) * L, PITCH = ceil_div(COLUMNS * F, L) * L + L;
        Aligned<Weight> rows;  // [phase y][phase x][row of targets][channel][RUN]
        Aligned<Sum> sum;      // [HO][PITCH]
        std::array<int32_t, C> channel;
        std::array<uint8_t, C> value;
        int held = 0, added = 0, first_row = HO, last_row = -1;

        static size_t row_of(int py, int px, int j) {
            return ((static_cast<size_t>(py) * SX + px) * NY + j) * C * RUN;
        }
        void load(const int32_t* weight, int rows_held) {  // [filter][channel][kernel row][kernel column]
            held = rows_held;
            rows.resize(row_of(SY, 0, 0));
            sum.resize(static_cast<size_t>(HO) * PITCH);
            for (int f = 0; f < F; f++)
                for (int c = 0; c < C; c++)
                    for (int ky = 0; ky < KH; ky++)
                        for (int kx = 0; kx < KW; kx++)
                            // A source at padded column SX q + px reaches target column q - i by kernel column px + i SX.
                            rows.data[row_of(ky % SY, kx % SX, ky / SY) + c * RUN + (NX - 1 - kx / SX) * F + f] =
                                static_cast<Weight>(weight[((static_cast<size_t>(f) * C + c) * KH + ky) * KW + kx]);
        }
        // Empty the sums into v.
        template <class Float> void empty(Float* v) {
            for (int y = first_row; y <= last_row; y++) {
                Sum* row = sum.data + static_cast<size_t>(y) * PITCH;
                const Sum* from = row + MARGIN * F;
                Float* to = v + static_cast<size_t>(y) * WO * F;
                for (int k = 0; k < WO * F; k++) to[k] += static_cast<Float>(from[k]);
                std::memset(row, 0, PITCH * sizeof(Sum));
            }
            added = 0, first_row = HO, last_row = -1;
        }
        template <bool GRADED> void from_pixel(int pixel, int count) {
            const int y = pixel / W + ABOVE, x = pixel % W + LEFT;
            const int py = y % SY, px = x % SX, row = y / SY, column = x / SX;
            if (C == 1) count = 1;
            // Target rows row - j and columns column - i, as far as there are such.
            const int top = std::min(row, HO - 1), bottom = std::max(row - (KH - 1 - py) / SY, 0);
            if (bottom > top) return;
            int left = column - (NX - 1), vectors = ceil_div(NX * F, L);
            size_t skipped = 0;
            if (CLIPPED) {
                left = std::max(column - (KW - 1 - px) / SX, 0);
                const int right = std::min(column, WO - 1);
                if (left > right) return;
                vectors = ceil_div((right - left + 1) * F, L);
                skipped = static_cast<size_t>(left - (column - (NX - 1))) * F;
            }
            first_row = std::min(first_row, bottom), last_row = std::max(last_row, top);
            Sum* to = sum.data + static_cast<size_t>(bottom) * PITCH + (left + MARGIN) * F;
            const Weight* from = rows.data + row_of(py, px, row - bottom) + skipped;
            for (int target = bottom; target <= top; target++, to += PITCH, from -= static_cast<size_t>(C) * RUN)
                add_rows<GRADED>(CLIPPED ? vectors : ceil_div(NX * F, L), to, from, RUN, channel.data(), value.data(),
                                 count);
        }
        // A function of its own: among the loops of all links, registers would be short.
        template <bool GRADED, class Float> [[gnu::noinline]] void run(const Arrivals& a, Float* v) {
            for (int k = 0; k < a.count;) {
                const int pixel = a.source[k] / C, next = (pixel + 1) * C;
                int count = 0;
                for (; k < a.count && a.source[k] < next && count < held; k++, count++) {
                    channel[count] = a.source[k] - pixel * C;
                    if (GRADED) value[count] = a.value[k];
                }
                if (C == 1) channel[0] = 0;
                if (added + count > held) empty(v);
                added += count;
                from_pixel<GRADED>(pixel, count);
            }
            empty(v);
        }
    };
    AnyWidth<Table> any;
    void load(Tables& tables, int top) { any.load(tables, top); }
    template <class Float> void deliver(const Arrivals& a, Float* v) { any.deliver(a, v); }
};

// ------------------------------------------------------------------------------------------------------------ sparse
// Synapse by synapse, those of a source next to each other: poolings, and whatever else has no rows of weights.
template <int SOURCES, int TARGETS, class Weight> struct Sparse {
    std::vector<int64_t> first;  // synapse of each source, and the end
    std::vector<int32_t> target;
    std::vector<Weight> weight;
    bool single = true;  // every source has one synapse, of its own number: nothing to look up

    void load(Tables& tables, int) {
        first = tables.next<int64_t>(SOURCES + 1);
        target = tables.next<int32_t>(first[SOURCES]);
        weight = tables.next<Weight>(first[SOURCES]);
        bool sound = first[0] == 0 && std::is_sorted(first.begin(), first.end());
        for (const int32_t one : target) sound = sound && 0 <= one && one < TARGETS;
        if (!sound) fail("weights.bin has synapses beyond the network");
        for (int source = 0; source <= SOURCES; source++) single = single && first[source] == source;
    }
    template <bool GRADED, class Float> [[gnu::noinline]] void run(const Arrivals& a, Float* v) const {
        const auto add = [&](int64_t s, int k) { v[target[s]] += GRADED ? weight[s] * a.value[k] : weight[s]; };
        if (single)
            for (int k = 0; k < a.count; k++) add(a.source[k], k);
        else
            for (int k = 0; k < a.count; k++)
                for (int64_t s = first[a.source[k]], end = first[a.source[k] + 1]; s < end; s++) add(s, k);
    }
    template <class Float> void deliver(const Arrivals& a, Float* v) const {
        a.value ? run<true>(a, v) : run<false>(a, v);
    }
};

// ------------------------------------------------------------------------------------------------------------- delays
// Where the units of a population, numbered (row, column, channel) here, stand in the network's own order, (channel,
// row, column). There may be any number of sides in place of row and column.
inline std::vector<int32_t> order_of(int channels, int pixels) {
    std::vector<int32_t> order;
    for (int p = 0; p < pixels; p++)
        for (int c = 0; c < channels; c++) order.push_back(c * pixels + p);
    return order;
}

// What a population has sent in its last steps, as many as the longest delay of its links.
struct Sent {
    int units = 0, steps = 1, now = 0;
    std::vector<int32_t> order;
    std::vector<int32_t> source;  // by step
    std::vector<uint8_t> value;   // of currents, else empty
    std::vector<int> count;       // 0 before the first step

    void start(const std::vector<int32_t>& places, int longest, bool graded) {
        order = places;
        units = static_cast<int>(order.size());
        steps = longest;
        source.resize(static_cast<size_t>(units) * steps);
        value.resize(graded ? source.size() : 0);
        count.assign(steps, 0);
    }
    // Begin a step, in place of the oldest one.
    void begin() {
        now = now + 1 < steps ? now + 1 : 0;
        count[now] = 0;
    }
    int32_t* sources() { return source.data() + static_cast<size_t>(now) * units; }
    uint8_t* values() { return value.data() + static_cast<size_t>(now) * units; }
    // What is judged in the next step, having been on its way for `delay` steps then.
    Arrivals after(int delay) const {
        const int step = now - (delay - 1) + (now < delay - 1 ? steps : 0);
        const size_t at = static_cast<size_t>(step) * units;
        return {source.data() + at, value.empty() ? nullptr : value.data() + at, count[step]};
    }
    // For the fingerprint, send bit `shift` of each unit's number, another number for every delay, and return the end of
    // the numbers: they travel as frames do. The currents' eight bits from `shift` on travel together.
    const uint64_t* send_numbers(const uint64_t* number, int shift) {
        const uint64_t mask = value.empty() ? 1 : shift % 8 == 0 ? 255 : 0;
        for (int delay = steps; delay > 0; delay--) {  // the longest on its way was sent first
            begin();
            const uint64_t* own = number + static_cast<size_t>(delay - 1) * units;
            for (int unit = 0; unit < units; unit++) {
                const uint64_t part = own[order[unit]] >> shift & mask;
                if (!part) continue;
                if (!value.empty()) values()[count[now]] = static_cast<uint8_t>(part);
                sources()[count[now]++] = unit;
            }
        }
        return number + static_cast<size_t>(steps) * units;
    }
};

// ------------------------------------------------------------------------------------------------------------ results
// Write the values of a population's units in the network's own order.
template <class To, class From> void write_in_order(FILE* file, const From* value, const std::vector<int32_t>& order) {
    std::vector<To> values(order.size());
    for (size_t unit = 0; unit < order.size(); unit++) values[order[unit]] = static_cast<To>(value[unit]);
    write_all(file, values.data(), values.size() * sizeof(To));
}

// A population's kept spikes: one row of bits per frame, most significant bit first, in the network's own order of units.
struct Recorder {
    FILE* file = nullptr;
    std::vector<uint8_t> row;
    std::vector<int32_t> order;

    void start(const std::string& path, const std::vector<int32_t>& places) {  // of its units
        file = opened(path, "wb");
        row.assign(ceil_div(static_cast<int>(places.size()), 8), 0);
        order = places;
    }
    void write(const Arrivals& fired) {
        if (!file) return;
        for (int k = 0; k < fired.count; k++) {
            const int32_t unit = order[fired.source[k]];
            row[unit >> 3] |= static_cast<uint8_t>(128 >> (unit & 7));
        }
        write_all(file, row.data(), row.size());
        std::memset(row.data(), 0, row.size());
    }
    void stop() {
        if (file && std::fclose(file)) fail("cannot write results; is the disk full?");
    }
};

// Frames as they come: bits of spikes (least significant first), or bytes of currents; each a whole number of words.
struct Frames {
    FILE* file = nullptr;
    std::string path;
    int inputs = 0, top = 1;
    Checksum checksum;
    std::vector<uint8_t> bytes;

    void start(const std::string& name, int count, int largest) {
        path = name;
        inputs = count;
        top = largest;
        file = opened(path, "rb");
        bytes.assign(ceil_div(inputs, top == 1 ? 64 : 8) * 8, 0);
    }
    // Send the next frame.
    void next(Sent& sent) {
        read_all(file, bytes.data(), bytes.size(), path);
        checksum.add(bytes.data(), bytes.size());
        int32_t* sources = sent.sources();
        int count = 0;
        if (top > 1) {
            uint8_t* values = sent.values();
            for (int i = 0; i < inputs; i++) {
                sources[count] = i;
                values[count] = bytes[i];
                count += bytes[i] > 0;
            }
        } else {
            for (size_t word = 0; word < bytes.size() / 8; word++) {
                uint64_t bits;
                std::memcpy(&bits, bytes.data() + 8 * word, 8);
                for (; bits; bits &= bits - 1)
                    sources[count++] = static_cast<int32_t>(64 * word + __builtin_ctzll(bits));
            }
        }
        sent.count[sent.now] = count;
    }
};

}  // namespace steep
