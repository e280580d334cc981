// The page's script: a classic script of a browser, checked by ESLint's recommended rules and some more.
import globals from "globals";
import js from "@eslint/js";

export default [
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2022, sourceType: "script", globals: globals.browser },
    rules: {
      "eqeqeq": "error", "no-var": "error", "prefer-const": "error", "no-shadow": "error", "no-implicit-globals": "off",
      "no-unused-expressions": ["error", { allowTernary: true, allowShortCircuit: true }],
      "max-len": ["error", { code: 120 }], "no-eval": "error", "no-implied-eval": "error",
    },
  },
];
